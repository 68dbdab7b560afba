"""The queue in either order, what a model says of an incident, and what people say it was."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from spine.ids import IncidentId, TenantId
from spine.person import Role
from spine.score import Reason, Score
from spine.settings import MlSettings
from spine.severity import Severity
from store import models, scores


def judge(edge: Any, incident: str, rank: float, probability: float) -> None:
    """A model that is in use says so of the incident."""
    now = edge.clock.now()
    with edge.database.system() as connection:
        if (champion := models.champion(connection)) is None:
            champion = models.put(connection, b"no model is ever read here", {}, key=b"k", now=now)
            models.promote(connection, champion, actor="cli:root", now=now)
        score = Score(
            incident_id=IncidentId(UUID(incident)), model_number=champion.number, rank=rank, probability=probability,
            cause="stuffing", cause_probability=0.6, severity=Severity.HIGH, scored_at=now,
            reasons=(Reason("users", "250", 0.18),),
        )  # fmt: skip
        scores.put(connection, [score])


_ANOTHER = text("""
    insert into incidents(id, tenant_id, kind, subject, status, severity, title, first_event_at, opened_at,
                          last_finding_at)
    select gen_random_uuid(), 'acme', 'SESSION_ANOMALIES', 'user:' || cast(:severity as int), 'open', :severity,
           'sessions', t, t, t
    from (select cast(:now as timestamptz) + interval '1 minute' as t) as at
    returning id
""")


def another(edge: Any, severity: int) -> str:
    """A second incident of the tenant, younger than the first."""
    with edge.database.system() as connection:
        made = connection.execute(_ANOTHER, {"severity": severity, "now": edge.clock.now()})
        return str(made.scalar_one())


def order(client: Any, **params: str) -> list[str]:
    answer = client.get("/api/ops/queue", params=params)
    assert answer.status_code == 200, answer.text
    return [one["incident"]["id"] for one in answer.json()]


def test_the_queue_goes_by_severity_until_a_model_suggests_otherwise(edge: Any, incident: str) -> None:
    key = edge.key()
    minor, grave = another(edge, 0), another(edge, 3)
    assert order(key) == order(key, order="suggested") == [grave, incident, minor]
    judge(edge, incident, rank=0.2, probability=0.1)
    judge(edge, minor, rank=0.9, probability=0.97)
    judge(edge, grave, rank=0.0, probability=0.01)
    assert order(key) == [grave, incident, minor]
    assert order(key, order="suggested") == [grave, minor, incident], "a model cannot bury what is critical"
    told = key.get(f"/api/ops/incidents/{minor}/triage").json()["triage"]
    assert (told["probability"], told["cause"], told["severity"]) == (0.97, "stuffing", "high")
    assert told["reasons"] == [{"feature": "users", "value": "250", "effect": 0.18}]


def test_with_ranking_off_there_is_one_order_and_no_probability(edge: Any, incident: str) -> None:
    minor = another(edge, 0)
    judge(edge, minor, rank=0.9, probability=0.97)
    edge.settings.ml = MlSettings(enabled=False)
    assert order(edge.key(), order="suggested") == [incident, minor]
    assert edge.key().get(f"/api/ops/incidents/{minor}/triage").json()["triage"] is None


def test_the_latest_word_on_what_it_was_is_shown_and_told(edge: Any, incident: str) -> None:
    client, person, _ = edge.person("ann", Role.RESPONDER)
    path = f"/api/ops/incidents/{incident}"
    assert client.put(f"{path}/outcome", json={"outcome": "real"}).status_code == 200
    said = client.put(f"{path}/outcome", json={"outcome": "benign", "cause": "deploy"})
    assert said.json()["said_by"] == f"person:{person.email}"
    shown = client.get(f"{path}/triage").json()["outcome"]
    assert (shown["outcome"], shown["cause"]) == ("benign", "deploy")
    kinds = [line["kind"] for line in client.get(f"{path}/timeline").json()["items"]]
    assert kinds.count("outcome") == 2


def test_ending_an_incident_says_what_it_was(edge: Any, incident: str) -> None:
    client, _, _ = edge.person("ann", Role.INCIDENT_COMMANDER)
    path = f"/api/ops/incidents/{incident}"
    ended = client.post(f"{path}/resolve", json={"reason": "a load test", "outcome": "benign", "cause": "test"})
    assert ended.status_code in (200, 202), ended.text
    assert client.get(f"{path}/triage").json()["outcome"]["cause"] == "test"


@pytest.mark.parametrize("asked", [{}, {"outcome": "maybe"}, {"outcome": "real", "cause": "magic"}, {"outcome": None}])
def test_what_is_no_outcome_is_refused(edge: Any, incident: str, asked: dict[str, Any]) -> None:
    answer = edge.key().put(f"/api/ops/incidents/{incident}/outcome", json=asked)
    assert answer.status_code == 422
    assert edge.key().get(f"/api/ops/incidents/{incident}/triage").json()["outcome"] is None


def test_s46_nobody_labels_or_sees_the_incident_of_another_tenant(edge: Any, incident: str) -> None:
    judge(edge, incident, rank=0.5, probability=0.5)
    other = edge.key(TenantId("globex"))
    assert order(other) == []
    assert other.get(f"/api/ops/incidents/{incident}/triage").status_code == 404
    assert other.put(f"/api/ops/incidents/{incident}/outcome", json={"outcome": "real"}).status_code == 404
    with edge.database.tenant(TenantId("globex")) as connection:
        for table in ("incident_openings", "incident_outcomes", "incident_scores"):
            assert connection.execute(text(f"select count(*) from {table}")).scalar_one() == 0


def test_actions_that_helped_stand_first(edge: Any, incident: str, plan_of: Any) -> None:
    plan = plan_of(edge, incident)
    actions = [step.action_key for step in plan.steps]
    answer = edge.key().get(f"/api/ops/incidents/{incident}/triage").json()["proposed"]
    assert sorted(one["action"] for one in answer) == sorted(set(actions))
    assert all(one["tried"] == 0 for one in answer)
