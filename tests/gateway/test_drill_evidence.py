"""Evidence of drills at the edge: by a drill's key, for a drill that runs, and nothing else under that key."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gateway.app import create_app
from spine.clock import ManualClock
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.settings import Settings
from store import drills
from store.drills import DrillRun
from store.engine import Database
from store.keys import add_key

URL = "/api/ops/events"
ACME, GLOBEX = TenantId("acme"), TenantId("globex")
Post = Callable[..., list[tuple[int, str]]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))


@pytest.fixture
def post(database: Database, clock: ManualClock, serve: Callable[[Any], str]) -> Iterator[Post]:
    """Sends events under a key of `scopes`; the places and reasons of what was rejected."""
    with httpx.Client(base_url=serve(create_app(Settings(), database, clock=clock))) as client:

        def send(*events: dict[str, Any], scopes: tuple[str, ...] = ("events:drill",)) -> list[tuple[int, str]]:
            with database.system() as connection:
                _, secret = add_key(connection, ACME, "drill:d1", scopes, now=clock.now())
            rows = [
                {"id": str(n), "type": "login_failed", "occurred_at": clock.now().isoformat(), **event}
                for n, event in enumerate(events)
            ]
            answer = client.post(URL, json=rows, headers={"Authorization": f"Bearer {secret}"})
            assert answer.status_code == 202, answer.text
            return [(row["index"], row["reason"]) for row in answer.json()["rejected"]]

        yield send


@pytest.fixture
def drill(database: Database, clock: ManualClock) -> DrillRun:
    """A drill of acme that runs for five minutes."""
    return begun(database, clock.now(), "d1", ACME)


def begun(database: Database, now: datetime, name: str, tenant: TenantId) -> DrillRun:
    run = DrillRun(
        id=name, tenant_id=tenant, kind=IncidentKind.FAILED_LOGINS_SPIKE, name="stuffing", negative=False, seed=1,
        unattended=True, who="cli:ada", started_at=now, gives_up_at=now + timedelta(minutes=5),
    )  # fmt: skip
    with database.system() as connection:
        drills.begin(connection, run)
    return run


MARKED = {"synthetic": True, "drill_id": "d1"}


def test_a_running_drills_evidence_is_stored_with_its_marks(post: Post, drill: DrillRun, database: Database) -> None:
    assert post(MARKED, MARKED) == []
    with database.system() as connection:
        rows = connection.execute(text("select tenant_id, synthetic, drill_id from auth_ops_logs")).all()
    assert rows == [("acme", True, "d1"), ("acme", True, "d1")]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({}, id="real"),
        pytest.param({"synthetic": True}, id="of no drill"),
        pytest.param({"drill_id": "d1"}, id="not marked as synthetic"),
        pytest.param({"synthetic": True, "drill_id": "d2"}, id="of a drill nobody plays"),
        pytest.param({"synthetic": True, "drill_id": "d3"}, id="of another tenant's drill"),
    ],
)
def test_a_drills_key_writes_nothing_else(
    post: Post, drill: DrillRun, database: Database, clock: ManualClock, event: dict[str, Any]
) -> None:
    begun(database, clock.now(), "d3", GLOBEX)
    assert post(MARKED, event) == [(1, "not_a_drill")]


def test_an_applications_key_still_cannot_hide_real_events_in_a_drill(post: Post, drill: DrillRun) -> None:
    assert post(MARKED, {}, scopes=("events:write",)) == [(0, "not_a_drill")]


def test_evidence_is_refused_once_the_drill_is_over(post: Post, drill: DrillRun, database: Database) -> None:
    with database.system() as connection:
        assert drills.finish(connection, "d1", passed=True, score=1.0, assertions=(), at=drill.started_at)
    assert post(MARKED) == [(0, "not_a_drill")]


def test_evidence_is_refused_when_the_drill_should_be_over(post: Post, drill: DrillRun, clock: ManualClock) -> None:
    clock.advance(timedelta(minutes=5))
    assert post(MARKED) == [(0, "not_a_drill")]
