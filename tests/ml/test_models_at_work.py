"""A model's life in an installation: trained, put to use, seen in the queue, taken back; and the words of people."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from spine.errors import Refused
from spine.ids import IncidentId, TenantId, mint
from spine.outcome import Outcome
from spine.settings import MlSettings, RetentionSettings, Settings
from store import models, outcomes, scores
from store.engine import Database
from store.models import ModelStatus
from store.read.queue import queue
from store.retention import sweep
from tasks.ranking import promoting, training
from tasks.ranking.retraining import look, retrain

ACME = TenantId("acme")


def opened(
    database: Database, now: Any, *, severity: int = 1, users: int = 5, margin: float = 1.1, resolved: bool = False,
    subject: str = "", synthetic: bool = False,
) -> IncidentId:  # fmt: skip
    """An incident as detection would open it."""
    incident = mint()
    summary = {
        "class": "stuffing" if users > 100 else "spray", "severity": severity, "users_total": users,
        "addresses_total": 3, "compromised_total": int(users > 100), "users": ["hashed"], "addresses": ["192.0.2.1"],
        "detectors": {"unknown_address_users": {"margin": margin, "n": 30, "window_minutes": 15.0,
                                                "observed": {"ratio": 0.6}}},
    }  # fmt: skip
    with database.system() as connection:
        connection.execute(
            text(
                "insert into incidents(id, tenant_id, kind, subject, status, severity, title, first_event_at,"
                " opened_at, last_finding_at, summary, synthetic, resolved_at)"
                " values(:id, 'acme', 'FAILED_LOGINS_SPIKE', :subject,"
                " :status, :severity, 'failed logins', :now, :now, :now, cast(:summary as jsonb), :synthetic, :end)"
            ),
            {
                "id": incident, "subject": subject or str(incident), "severity": severity, "now": now,
                "status": "resolved" if resolved else "open", "summary": json.dumps(summary), "synthetic": synthetic,
                "end": now if resolved else None,
            },
        )  # fmt: skip
    return IncidentId(incident)


def label(database: Database, later: Any, n: int) -> None:
    """So many incidents of the last hours, every other one real, each labelled."""
    for number in range(n):
        real = number % 2 == 0
        at = later - timedelta(hours=number)
        incident = opened(database, at, users=250 if real else 4, margin=4 if real else 1.0, resolved=True)
        with database.system() as connection:
            outcome = Outcome.REAL if real else Outcome.FALSE_ALARM
            outcomes.say(connection, ACME, incident, outcome, "", actor="person:ann@example.org", now=later)


def order(database: Database, *, suggested: bool = True, judged: bool = True) -> list[UUID]:
    with database.tenant(ACME) as connection:
        return [one.incident.id for one in queue(connection, suggested=suggested, judged=judged)]


def test_a_promoted_model_orders_the_queue_and_a_rollback_undoes_it(
    database: Database, installation: Settings, trained: Any, now: Any
) -> None:
    noise = opened(database, now - timedelta(minutes=9), severity=2)
    attack = opened(database, now - timedelta(minutes=5), severity=1, users=250, margin=4)
    grave = opened(database, now - timedelta(minutes=1), severity=3)
    assert order(database) == order(database, suggested=False) == [grave, noise, attack]

    _, said = promoting.promote(database, installation, None, actor="cli:root", now=now)
    assert said == f"model {trained.number} scored 3 incidents"
    assert order(database) == [grave, attack, noise]
    assert order(database, suggested=False) == order(database, judged=False) == [grave, noise, attack]
    with database.tenant(ACME) as connection:
        found = scores.of_incidents(connection, [noise, attack])
    assert found[attack].probability > 0.5 > found[noise].probability
    assert found[attack].reasons

    late = opened(database, now, severity=0)
    assert order(database)[:2] == [grave, late], "what is not judged yet stands before what is"

    gone, back, _ = promoting.rollback(database, installation, actor="cli:root", now=now)
    assert (gone.number, back) == (trained.number, None)
    assert order(database) == [grave, noise, attack, late]
    with pytest.raises(Refused, match="No model is in use"):
        promoting.rollback(database, installation, actor="cli:root", now=now)


def test_rolling_back_takes_the_model_before(
    database: Database, installation: Settings, trained: Any, now: Any
) -> None:
    second = training.train(database, installation, now)
    promoting.promote(database, installation, trained.number, actor="cli:root", now=now)
    promoting.promote(database, installation, second.number, actor="cli:root", now=now)
    _, back, _ = promoting.rollback(database, installation, actor="cli:root", now=now)
    assert back is not None
    assert back.number == trained.number
    with database.system() as connection:
        states = {one.number: one.status for one in models.listed(connection)}
        told = connection.execute(
            text("select count(*) from audit_entries where action = 'policy.changed' and entry like '%model:ranking%'")
        ).scalar_one()
    assert states == {trained.number: ModelStatus.CHAMPION, second.number: ModelStatus.WITHDRAWN}
    assert told == 3


def test_the_model_before_outlives_any_number_of_challengers(
    database: Database, installation: Settings, trained: Any, now: Any
) -> None:
    promoting.promote(database, installation, trained.number, actor="cli:root", now=now)
    with database.system() as connection:
        for _ in range(25):
            last = models.put(connection, b"a model", {}, key=b"k", now=now)
        models.promote(connection, last, actor="cli:root", now=now)
        models.put(connection, b"a model", {}, key=b"k", now=now)
    sweep(database, now + timedelta(days=5000), RetentionSettings())
    with database.system() as connection:
        assert [one.number for one in models.listed(connection) if one.status is ModelStatus.RETIRED] == [
            trained.number
        ]
        _, back = models.rollback(connection, actor="cli:root", now=now)
    assert back is not None
    assert back.number == trained.number


def test_a_changed_card_or_body_is_not_put_to_use(
    database: Database, installation: Settings, trained: Any, now: Any
) -> None:
    with database.system() as connection:
        connection.execute(text('update models set card = card || \'{"ranker": "boosted"}\''))
    with pytest.raises(Refused, match="digest does not fit"):
        promoting.promote(database, installation, trained.number, actor="cli:root", now=now)
    with database.system() as connection:
        assert models.champion(connection) is None


def test_a_champion_that_was_changed_neither_competes_nor_speaks_of_drift(
    database: Database, installation: Settings, trained: Any, now: Any
) -> None:
    quick = installation.model_copy(update={"ml": MlSettings(min_new_labels=20, drift_min_openings=2)})
    promoting.promote(database, quick, trained.number, actor="cli:root", now=now)
    with database.system() as connection:
        connection.execute(text("update models set card = card - 'distribution'"))
    label(database, now + timedelta(days=2), 44)
    samples = training.read_samples(database, quick, now + timedelta(days=2))
    assert training.contest(database, quick, samples) is None
    assert look(database, quick, now + timedelta(days=2)) is None


def test_a_card_tells_figures_window_features_and_limits(trained: Any) -> None:
    card = trained.card
    assert {"ndcg5", "ndcg5_deterministic", "auc", "brier", "ece"} <= card["used"].keys()
    assert card["window"]["from"] < card["window"]["to"]
    assert sum(card["sources"].values()) == card["used"]["examples"]
    assert card["limits"]
    assert card["weights"]


def test_an_opening_keeps_counts_and_no_address_or_user(database: Database, now: Any) -> None:
    incident = opened(database, now, users=12)
    with database.system() as connection:
        connection.execute(text("update incidents set summary = summary || '{\"users_total\": 900}'"))
        kept = outcomes.opening(connection, incident)
    assert kept["users"] == 12, "what came later is not in it"
    assert "192.0.2.1" not in json.dumps(kept)
    assert "hashed" not in json.dumps(kept)


def test_the_latest_word_counts_and_teaches(database: Database, now: Any) -> None:
    ended, live, drill = (
        opened(database, now, resolved=True), opened(database, now),
        opened(database, now, resolved=True, synthetic=True),
    )  # fmt: skip
    with database.system() as connection:
        for incident in (ended, live, drill):
            outcomes.say(connection, ACME, incident, Outcome.REAL, "spray", actor="person:ann@example.org", now=now)
        outcomes.say(connection, ACME, ended, Outcome.BENIGN, "deploy", actor="person:bob@example.org", now=now)
        assert outcomes.say(connection, TenantId("globex"), ended, Outcome.REAL, "", actor="x", now=now) is None
        (row,) = outcomes.examples(connection, now - timedelta(days=1))
        said = outcomes.said(connection, ended)
        audited = connection.execute(
            text("select count(*) from audit_entries where entry like '%labelled%' and entry like :id"),
            {"id": f"%{ended}%"},
        ).scalar_one()
    assert (row["outcome"], row["cause"]) == ("benign", "deploy")
    assert said is not None
    assert said.said_by == "person:bob@example.org"
    assert audited == 2


def test_retraining_waits_for_labels_then_challenges_and_sees_drift(
    database: Database, installation: Settings, trained: Any, now: Any
) -> None:
    quick = installation.model_copy(update={"ml": MlSettings(min_new_labels=20, drift_min_openings=20)})
    promoting.promote(database, quick, trained.number, actor="cli:root", now=now)
    assert look(database, quick, now) is None
    assert retrain(database, quick, now)["said"].startswith("0 incidents were labelled")
    later = now + timedelta(days=2)
    label(database, later, 44)
    told = retrain(database, quick, later)
    assert "was trained" in told["said"] or "is better" in told["said"]
    assert "addresses" in told["shifted"], "there were one to twenty, and now always three"
    with database.system() as connection:
        challenger = models.listed(connection)[0]
        champion = models.champion(connection)
    assert challenger.card["contest"]["champion"] == trained.number
    assert challenger.card["sources"]["history"] == 44
    assert champion is not None
    assert champion.number == trained.number, "a challenger waits for a person"
