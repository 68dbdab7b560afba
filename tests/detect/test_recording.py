"""Findings recorded from several connections at once still make one incident."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from sqlalchemy import text

from spine.errors import Refused
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import IncidentKind, IncidentStatus
from spine.settings import DetectSettings, NotifySettings
from spine.severity import Severity
from store import incidents
from store.engine import Database

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
DETECT, NOTIFY = DetectSettings(), NotifySettings(mode=["log"])


def finding(at: datetime = NOW, address: str = "192.0.2.1", tenant: str = "t1") -> Finding:
    return Finding(
        tenant_id=TenantId(tenant), kind=IncidentKind.FAILED_LOGINS_SPIKE, detector="stuffing_one_address",
        window_start=at - timedelta(minutes=15), window_end=at, n=30, observed={"failures": 30, "users": 20},
        threshold={"failures": 25}, margin=1.2, severity=Severity.MEDIUM, first_event_at=at - timedelta(minutes=9),
        last_event_at=at, addresses=(address,), users=("u1", "u2"),
    )  # fmt: skip


def record(database: Database, *findings: Finding, now: datetime = NOW) -> list[incidents.Opening]:
    with database.system() as connection:
        return incidents.record(connection, findings, now, detect=DETECT, notify=NOTIFY)


def test_many_connections_on_one_window_make_one_incident(database: Database) -> None:
    barrier = Barrier(8)

    def one(number: int) -> int:
        barrier.wait()
        return sum(o.opened for o in record(database, finding(address=f"192.0.2.{number}")))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(8))) == 1
    with database.system() as connection:
        (incident,) = incidents.list_live(connection)
        assert connection.execute(text("select count(*) from outbox")).scalar_one() == 1
        assert connection.execute(text("select count(*) from audit_entries")).scalar_one() == 1
    assert sorted(incident.summary["addresses"]) == [f"192.0.2.{n}" for n in range(8)]


def test_tenants_get_incidents_of_their_own_and_see_no_others(database: Database) -> None:
    assert len({o.incident.id for o in record(database, finding(tenant="t2"), finding(tenant="t1"))}) == 2
    with database.tenant(TenantId("t1")) as connection:
        (mine,) = incidents.list_live(connection)
    assert mine.tenant_id == "t1"


def test_the_same_window_recorded_again_tells_nobody_again(database: Database) -> None:
    record(database, finding())
    (again,) = record(database, finding(), now=NOW + timedelta(seconds=30))
    assert not again.is_new
    with database.system() as connection:
        assert connection.execute(text("select count(*) from outbox")).scalar_one() == 1
        assert len(incidents.evidence(connection, again.incident.id)) == 1


def test_a_run_that_takes_an_incident_outdates_earlier_ones(database: Database) -> None:
    incident = record(database, finding())[0].incident
    with database.system() as connection:
        fences = [incidents.take(connection, incident.id, uuid4(), at=NOW) for _ in range(3)]
    assert fences == [1, 2, 3]


def test_the_state_machine_is_enforced_and_told(database: Database) -> None:
    incident = record(database, finding())[0].incident
    with database.system() as connection:
        done = incidents.transition(
            connection, incident.id, IncidentStatus.RESOLVED, at=NOW, actor="person:x", summary="not an attack"
        )
        assert done.resolved_at == NOW
        with pytest.raises(Refused, match="resolved cannot become open"):
            incidents.transition(connection, incident.id, IncidentStatus.OPEN, at=NOW, actor="person:x", summary="")
        with pytest.raises(TypeError, match="cannot be set"):
            incidents.transition(
                connection, record(database, finding(tenant="t9"))[0].incident.id, IncidentStatus.MONITORING, at=NOW,
                actor="engine", summary="", fence=7,
            )  # fmt: skip
        assert [line["kind"] for line in incidents.timeline(connection, incident.id)] == ["opened", "status"]
