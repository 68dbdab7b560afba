"""The flow around a tick: runbooks start while it records, and a cancellation leaves no part half done."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from threading import Event, Timer
from typing import Any

import pytest

from flows import detect as flow
from spine.settings import Settings
from store import incidents
from store.engine import Database
from tasks.detecting import tick

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
RECORD = incidents.record_causes


class Orchestrator:
    """Takes runs, and keeps what was asked of it. The first ones it refuses, when told so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuses = 0

    async def start_run(self, deployment: str, parameters: dict[str, str], **_: Any) -> None:
        assert deployment == "failed_logins_spike/respond"
        self.asked.append(parameters["incident_id"])
        if len(self.asked) <= self.refuses:
            raise ConnectionError("the orchestrator is gone")


@pytest.fixture
def orchestrator(database: Database, storm: object, monkeypatch: pytest.MonkeyPatch) -> Orchestrator:
    """The flow's surroundings: a real database, a storm, and an orchestrator that notes what it starts."""
    double = Orchestrator()
    monkeypatch.setattr(flow, "database", lambda: database)
    monkeypatch.setattr(flow, "settings", Settings)
    monkeypatch.setattr(flow, "start_run", double.start_run)
    monkeypatch.setattr(flow, "get_run_logger", lambda: logging.getLogger("flow"))
    return double


def _live(database: Database) -> list[str]:
    with database.system() as connection:
        return [str(one.id) for one in incidents.list_live(connection)]


def test_every_incident_is_answered_in_the_order_in_which_it_was_recorded(
    database: Database, orchestrator: Orchestrator
) -> None:
    result = asyncio.run(flow._tick(NOW))
    assert orchestrator.asked == [str(one.incident.id) for one in result.openings]
    assert sorted(orchestrator.asked) == sorted(_live(database))
    assert len(orchestrator.asked) == 60


def test_runbooks_start_before_everything_is_recorded(
    database: Database, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, asked = [], []

    def record(*given: Any, **more: Any) -> list[incidents.Opening]:
        parts.append(len(parts))
        if len(parts) == 3:
            _until(lambda: len(orchestrator.asked) >= 25)
            asked.append(len(orchestrator.asked))
        return RECORD(*given, **more)

    monkeypatch.setattr(incidents, "record_causes", record)
    asyncio.run(flow._tick(NOW))
    assert 25 <= asked[0] <= 50
    assert len(orchestrator.asked) == 60


def test_one_that_cannot_be_started_keeps_no_other_waiting(database: Database, orchestrator: Orchestrator) -> None:
    orchestrator.refuses = 2
    result = asyncio.run(flow._tick(NOW))
    assert len(orchestrator.asked) == len(result.openings) == 60


class Signalled(BaseException):
    """As Prefect's answer to SIGTERM: it leaves the event loop from wherever that is."""


@pytest.mark.parametrize("ended", ["cancelled", "signalled"])
def test_a_tick_that_is_stopped_ends_with_the_part_under_way(
    database: Database, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, ended: str
) -> None:
    begun, go_on, parts = Event(), Event(), []

    def record(*given: Any, **more: Any) -> list[incidents.Opening]:
        parts.append(len(parts))
        if len(parts) == 2:
            begun.set()
            assert go_on.wait(30)
        return RECORD(*given, **more)

    async def stopped() -> None:
        under_way = asyncio.create_task(flow._tick(NOW))
        await asyncio.to_thread(_until, lambda: begun.is_set() and len(orchestrator.asked) == 25)
        Timer(0.3, go_on.set).start()
        if ended == "signalled":
            raise Signalled
        under_way.cancel()
        await asyncio.sleep(0.05)
        assert not under_way.done(), "its part is not committed yet"
        under_way.cancel()
        await under_way

    monkeypatch.setattr(incidents, "record_causes", record)
    with pytest.raises(Signalled if ended == "signalled" else asyncio.CancelledError):
        asyncio.run(stopped())
    assert (len(parts), len(_live(database))) == (2, 50)
    assert len(orchestrator.asked) == 25, "reconcile starts the others"
    rest = tick(database, Settings(), NOW + timedelta(seconds=30))
    assert (rest.busy, len(_live(database))) == (False, 60)


def _until(holds: Any) -> None:
    over = Event()
    for _ in range(3_000):
        if holds():
            return
        over.wait(0.01)
    raise AssertionError("it did not happen")
