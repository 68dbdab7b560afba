"""Callbacks and tokens that fail for many tenants: one incident of none of them, read, planned and held for all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runbooks import catalogue
from spine.event import Event, EventType
from spine.ids import NO_TENANT, IncidentId, TenantId
from spine.incident import Incident, IncidentKind
from spine.plan import Decision, Gate, Verb
from spine.settings import Settings
from spine.severity import Severity
from store import incidents
from store.engine import Database
from store.ingest import ingest
from tasks.detecting import tick
from tasks.planning import plan_incident

T = EventType
NOW = datetime.now(UTC).replace(microsecond=0)
ISSUER = "https://id.example.com"
OAUTH, JWT = IncidentKind.OAUTH_CALLBACK_ERRORS, IncidentKind.JWT_VALIDATION_ERRORS
SETTINGS = Settings.model_validate({"env": "prod", "probe": {"oidc": {"main": {"issuer": ISSUER}}}})


def happened(tenant: int, kind: EventType, n: int, *, since: float, until: float = 0.5, **more: Any) -> Iterator[Event]:
    for k in range(n):
        at = NOW - timedelta(minutes=since - (since - until) * k / n)
        yield Event(
            id=f"{kind.value}-{tenant}-{since}-{k}", type=kind, tenant_id=TenantId(f"t{tenant}"),
            occurred_at=at, user_id=f"u{k}", ip=f"192.0.2.{k + 1}", **more,
        )  # fmt: skip


def written(database: Database, *rows: Iterator[Event]) -> None:
    by_tenant: dict[TenantId, list[Event]] = {}
    for row in rows:
        for event in row:
            by_tenant.setdefault(event.tenant_id, []).append(event)
    for tenant, events in by_tenant.items():
        ingest(database, tenant, events)


def answered(database: Database, kind: IncidentKind, settings: Settings = SETTINGS) -> tuple[Incident, Decision]:
    result = tick(database, settings, NOW, kinds=catalogue().keys())
    (opening,) = [one for one in result.openings if one.incident.kind is kind]
    incident = opening.incident
    plan = plan_incident(database, settings, catalogue()[kind], IncidentId(incident.id), fence=incident.fence, now=NOW)
    with database.system() as connection:
        return incidents.get(connection, IncidentId(incident.id)), plan


def outage(tenants: int = 6) -> Iterator[Iterator[Event]]:
    """Two hours ago everybody got in by password and provider; now the provider answers 503 to all."""
    for t in range(tenants):
        for kind, way in ((T.LOGIN_SUCCEEDED, "password"), (T.OAUTH_CALLBACK_OK, "google")):
            yield happened(t, kind, 8, since=120, until=110, provider=way)
        yield happened(t, T.OAUTH_CALLBACK_ERROR, 7, since=12, provider="google", attributes={"http_status": 503})


def test_a_provider_that_fails_for_all_is_hidden_for_all_once_two_people_agreed(database: Database) -> None:
    written(database, *outage())
    incident, plan = answered(database, OAUTH)
    assert (incident.tenant_id, incident.subject) == (NO_TENANT, "everywhere/provider:google")
    assert (incident.severity, plan.decision) == (Severity.HIGH, Verb.MITIGATE)
    (step,) = [s for s in plan.steps if s.action_key == "oauth.provider_disable"]
    assert (step.targets, step.gate) == (("google",), Gate.TWO_PERSON)
    assert step.blast_radius is not None
    assert step.blast_radius.attack_events == 42
    assert any("another way within 30 days (100%)" in g.because for g in step.guard_results)


def test_a_key_that_changed_for_all_is_read_again_once_somebody_agreed(database: Database) -> None:
    said = {"reject_reason": "unknown_kid", "kid": "K2", "iss": ISSUER}
    written(
        database,
        *(happened(t, T.JWT_ACCEPTED, 20, since=55, attributes={"kid": "K1"}) for t in range(6)),
        *(happened(t, T.JWT_VALIDATION_ERROR, 15, since=14, attributes=said) for t in range(6)),
        happened(0, T.SIGNING_KEY_ROTATED, 1, since=15, attributes={"kid": "K2", "iss": ISSUER}),
    )
    incident, plan = answered(database, JWT)
    assert (incident.tenant_id, incident.subject, plan.decision) == (NO_TENANT, "everywhere", Verb.MITIGATE)
    (step,) = [s for s in plan.steps if s.action_key == "jwks.refresh"]
    assert (step.targets, step.gate) == ((ISSUER,), Gate.APPROVE)


@pytest.mark.parametrize(
    ("version", "keys"),
    [
        ({"google": "v7"}, {"evidence.snapshot", "oauth.config_rollback"}),
        ({}, {"evidence.snapshot", "oauth.provider_disable"}),
    ],
    ids=["known good", "unknown"],
)
def test_the_plan_of_one_tenant_follows_what_the_operator_configured(
    database: Database, version: dict[str, str], keys: set[str]
) -> None:
    said = {"oauth_error": "redirect_uri_mismatch"}
    written(
        database,
        happened(1, T.LOGIN_SUCCEEDED, 30, since=120, until=110, provider="password"),
        happened(1, T.OAUTH_CALLBACK_ERROR, 30, since=12, provider="google", attributes=said),
    )
    settings = Settings.model_validate({"env": "prod", "policy": {"oauth_known_good": version}})
    incident, plan = answered(database, OAUTH, settings)
    assert (incident.tenant_id, incident.subject) == ("t1", "provider:google")
    assert {s.action_key for s in plan.steps} == keys
    assert any("OAUTH_KNOWN_GOOD" in gap for gap in plan.missing_evidence) is not bool(version)


def test_one_token_without_an_algorithm_is_handed_to_people_with_what_to_do(database: Database) -> None:
    written(
        database,
        happened(1, T.JWT_ACCEPTED, 40, since=50, attributes={"kid": "K1", "service": "api"}),
        happened(1, T.JWT_ACCEPTED, 1, since=2, attributes={"alg": "none", "service": "api"}),
    )
    incident, plan = answered(database, JWT)
    assert (incident.severity, plan.decision) == (Severity.CRITICAL, Verb.ESCALATE)
    assert "accepted_bad_token" in incident.title
    assert any("roll api back" in gap for gap in plan.missing_evidence)
