"""An incident's runbook asks its diagnostics once, the answers are evidence, and the plan rests on them."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from deployments.cli import app
from runbooks import catalogue
from spine.diagnostic import State
from spine.event import Event
from spine.finding import Finding
from spine.ids import IncidentId, TenantId
from spine.incident import IncidentKind
from spine.question import question_of
from spine.runbook import Runbook
from spine.settings import Settings
from spine.severity import Severity
from store import incidents
from store.engine import Database
from store.ingest import ingest
from tasks.casing import read_case
from tasks.diagnosing import ask_all, unanswered
from tasks.diagnostics import diagnostics
from tasks.planning import plan_incident

ACME, NOW = TenantId("acme"), datetime.now(UTC).replace(microsecond=0)
KIND = IncidentKind.FAILED_LOGINS_SPIKE


@pytest.fixture
def asking() -> Runbook:
    return replace(catalogue()[KIND], asks=("release_split", "oidc_discovery"))


@pytest.fixture
def opened(database: Database) -> IncidentId:
    rows = [
        Event.model_validate(
            {"id": f"e{n}", "type": "login_failed", "occurred_at": NOW - timedelta(minutes=5), "tenant_id": ACME,
             "user_id": f"u{n}", "ip": f"203.0.113.{n % 5}", "attributes": {"release": "9"}}
        )
        for n in range(40)
    ]  # fmt: skip
    ingest(database, ACME, rows)
    found = Finding(
        tenant_id=ACME, kind=KIND, detector="tenant_ratio", window_start=NOW - timedelta(minutes=15), window_end=NOW,
        n=40, observed={"failures": 40.0}, threshold={"failures": 10.0}, margin=4, severity=Severity.HIGH,
        first_event_at=NOW - timedelta(minutes=5), last_event_at=NOW, addresses=("203.0.113.1",),
    )  # fmt: skip
    settings = Settings()
    with database.system() as connection:
        (opening,) = incidents.record(connection, [found], NOW, detect=settings.detect, notify=settings.notify)
    return opening.incident.id


def _ask(database: Database, book: Runbook, incident: IncidentId, now: datetime = NOW) -> tuple[str, ...]:
    keys = unanswered(database, Settings(), book, incident, now)
    return tuple(a.key for a in asyncio.run(ask_all(database, Settings(), keys, incident, fence=0, now=now)))


def test_answers_are_kept_as_evidence_and_asked_for_once(
    database: Database, asking: Runbook, opened: IncidentId
) -> None:
    assert _ask(database, asking, opened) == asking.asks
    assert unanswered(database, Settings(), asking, opened, NOW + timedelta(seconds=1)) == ()
    with database.system() as connection:
        case = read_case(database, incidents.get(connection, opened), NOW)
    assert set(case.answers) == set(asking.asks)
    assert case.state("oidc_discovery") is State.UNKNOWN


def test_the_plan_carries_a_receipt_of_every_answer_and_says_what_stayed_unknown(
    database: Database, asking: Runbook, opened: IncidentId
) -> None:
    _ask(database, asking, opened)
    made = plan_incident(database, Settings(env="prod"), asking, opened, fence=0, now=NOW)
    assert {"diagnostic/release_split", "diagnostic/oidc_discovery"} <= {ref.source for ref in made.evidence}
    assert any(gap.startswith("oidc_discovery, ") for gap in made.missing_evidence)
    assert unanswered(database, Settings(), asking, opened, NOW + timedelta(hours=1)) == ()  # the plan stands


def test_a_person_asks_by_hand_and_nothing_is_kept(
    database_url: str, database: Database, opened: IncidentId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    shown = CliRunner().invoke(app, ["diagnose", str(opened)[:8], "--only", "release_split"])
    assert (shown.exit_code, "login.release" in shown.output) == (0, True)
    refused = CliRunner().invoke(app, ["diagnose", str(opened)[:8], "--only", "weather"])
    assert (refused.exit_code, "There is no diagnostic weather" in refused.output) == (1, True)
    with database.system() as connection:
        assert not any(r["source"].startswith("diagnostic:") for r in incidents.evidence_rows(connection, opened))


def test_a_runbook_asks_only_diagnostics_that_there_are_and_that_serve_it() -> None:
    for kind, book in catalogue().items():
        assert all(kind in diagnostics()[key].spec.serves for key in book.asks), kind


def test_a_question_names_the_providers_and_keys_of_what_failed(database: Database) -> None:
    tokens = [
        {"id": "t1", "type": "jwt_validation_error", "attributes": {"kid": "k9", "reject_reason": "unknown_kid"}},
        {"id": "t2", "type": "jwt_validation_error", "attributes": {"kid": "k1", "reject_reason": "expired"}},
    ]
    given = [
        Event.model_validate({"occurred_at": NOW - timedelta(minutes=1), "tenant_id": ACME, "user_id": "u", **t})
        for t in tokens
    ]
    ingest(database, ACME, given)
    settings = Settings()
    found = Finding(
        tenant_id=ACME, kind=IncidentKind.JWT_VALIDATION_ERRORS, detector="tokens_of_tenant",
        window_start=NOW - timedelta(minutes=15), window_end=NOW, n=2, observed={}, threshold={}, margin=2,
        severity=Severity.MEDIUM, first_event_at=NOW - timedelta(minutes=1), last_event_at=NOW,
    )  # fmt: skip
    with database.system() as connection:
        (opening,) = incidents.record(connection, [found], NOW, detect=settings.detect, notify=settings.notify)
    asked = question_of(read_case(database, opening.incident, NOW))
    assert (asked.rejected_kids, asked.tenant_id) == (frozenset({"k9"}), ACME)
