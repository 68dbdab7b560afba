"""A run that was just about to wait when its incident ended is woken, and finds that nothing is left to do."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from blocks.orchestrator import RunState
from tasks import reconciling


@pytest.mark.parametrize(("minutes", "woken"), [(1, True), (3, False)], ids=["just over", "long over"])
def test_the_run_of_an_incident_that_has_just_ended_is_woken(
    approval_case: Any, monkeypatch: pytest.MonkeyPatch, minutes: int, woken: bool
) -> None:
    run, now, called = uuid4(), approval_case.clock.now(), list[UUID]()
    with approval_case.database.owner() as connection:
        connection.execute(text("update approvals set flow_run_id = null"))
        query = text("update incidents set status = 'resolved', resolved_at = :at, flow_run_id = :run")
        connection.execute(query, {"at": now - timedelta(minutes=minutes), "run": run})

    async def state(_: UUID) -> RunState:
        return RunState("PAUSED", now)

    async def wake(which: UUID) -> bool:
        called.append(which)
        return True

    async def nothing_stranded(_: object) -> int:
        return 0

    monkeypatch.setattr(reconciling, "clear_stranded", nothing_stranded)
    monkeypatch.setattr(reconciling, "run_state", state)
    monkeypatch.setattr(reconciling, "wake", wake)
    asyncio.run(reconciling.reconcile_once(approval_case.database, approval_case.settings, lambda _: "any/run", now))
    assert called == [run] * woken
