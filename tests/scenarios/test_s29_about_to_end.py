"""29. A run that has just let go of its sign of life, and is about to tell how it ended, is not called crashed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed, Running

from tasks import stranded


class Orchestrator:
    """One run, as the client sees it."""

    def __init__(self) -> None:
        began = Running(timestamp=datetime.now(UTC) - timedelta(minutes=5))
        self.run = FlowRun(id=uuid4(), flow_id=uuid4(), state=began)
        self.forced: list[str] = []

    async def read_flow_runs(self, **_: Any) -> list[FlowRun]:
        return [self.run.model_copy()]

    async def read_flow_run(self, _: UUID) -> FlowRun:
        return self.run.model_copy()

    async def set_flow_run_state(self, _: UUID, state: Any, force: bool) -> None:
        assert force
        self.forced.append(state.type.value)


@pytest.fixture
def orchestrator(monkeypatch: pytest.MonkeyPatch) -> Orchestrator:
    """An orchestrator that believes its run alive, which shows no sign of life."""
    made = Orchestrator()

    @asynccontextmanager
    async def client() -> AsyncIterator[Orchestrator]:
        yield made

    monkeypatch.setattr(stranded.replica, "client", client)
    monkeypatch.setattr(stranded, "_lives", lambda *_: False)
    return made


@pytest.mark.parametrize(("ends", "forced"), [(True, []), (False, ["CRASHED"])], ids=["about to end", "dead"])
def test_s29_a_run_without_a_sign_is_given_a_moment_to_tell_how_it_ended(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, ends: bool, forced: list[str]
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        if ends:
            orchestrator.run.state = Completed()

    monkeypatch.setattr(stranded.asyncio, "sleep", sleep)
    assert asyncio.run(stranded.clear_stranded(object())) == len(forced)  # type: ignore[arg-type]
    assert orchestrator.forced == forced
    assert len(waited) == 1


def test_s29_where_nobody_starts_runs_none_is_waited_for(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: float) -> None:
        raise AssertionError("it waited")

    monkeypatch.setattr(stranded.asyncio, "sleep", never)
    assert asyncio.run(stranded.clear_stranded(object(), nobody_starts_runs=True)) == 1  # type: ignore[arg-type]
    assert orchestrator.forced == ["CRASHED"]
