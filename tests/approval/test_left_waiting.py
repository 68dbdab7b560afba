"""What reconcile does for an incident whose run waits, waits for nothing, cannot be woken, or has ended."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from blocks.orchestrator import RunState
from spine.incident import IncidentStatus
from store import incidents
from tasks import attention, reconciling


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


@pytest.fixture
def attend(approval_case: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """attend(run, …) lets reconcile look after the incident, whose run stands as told; answers what it did of all."""
    case, did = approval_case, list[str]()

    async def wake(_: UUID) -> bool:
        did.append("woken in vain")
        return False

    async def end_deaf(_: UUID, since: Any) -> bool:
        did.append("ended")
        return True

    async def start_run(_: str, __: object, *, idempotency_key: str, tags: object) -> UUID:
        did.append(f"started {idempotency_key}")
        return uuid4()

    async def nothing_stranded(_: object) -> int:
        return 0

    for name, instead in {
        "wake": wake, "end_deaf": end_deaf, "start_run": start_run, "clear_stranded": nothing_stranded,
    }.items():  # fmt: skip
        monkeypatch.setattr(reconciling, name, instead)

    def once(kind: str, *, status: str, since: timedelta) -> list[str]:
        async def state(_: UUID) -> RunState:
            return RunState(kind, case.clock.now() - since)

        monkeypatch.setattr(reconciling, "run_state", state)
        with case.database.owner() as connection:
            connection.execute(text("update approvals set flow_run_id = null, status = 'approved'"))
            connection.execute(
                text("update incidents set status = :status, flow_run_id = coalesce(flow_run_id, :run)"),
                {"status": status, "run": uuid4()},
            )
        asyncio.run(reconciling.reconcile_once(case.database, case.settings, lambda _: "any/run", case.clock.now()))
        return did

    return once


@pytest.mark.parametrize(("seconds", "ended"), [(30, False), (90, True)])
def test_a_run_that_cannot_be_woken_is_given_up(attend: Any, seconds: int, ended: bool) -> None:
    did = attend("PAUSED", status="awaiting_approval", since=timedelta(seconds=seconds))
    assert did == ["woken in vain", *["ended"] * ended]


def test_one_failed_run_counts_once_however_long_the_next_one_is_on_its_way(approval_case: Any, attend: Any) -> None:
    for _ in range(4):
        did = attend("FAILED", status="open", since=timedelta(seconds=30))
    assert len(did) == 4
    assert len(set(did)) == 1, "started once, by its key"
    with approval_case.database.system() as connection:
        found = incidents.get(connection, approval_case.incident.id)
        told = [line for line in incidents.timeline(connection, found.id) if line["kind"] == "run.failed"]
    assert found.status.value == "open"
    assert len(told) == 1


@pytest.mark.parametrize("kind", ["CRASHED", "FAILED", "COMPLETED"])
@pytest.mark.parametrize("harm", [True, False])
def test_what_is_in_force_is_watched_though_its_run_has_ended(
    ledger: Any, monkeypatch: pytest.MonkeyPatch, kind: str, harm: bool
) -> None:
    fence = ledger.take()
    ledger.apply(ledger.step("captcha.require", minutes=60), fence=fence)
    with ledger.database.system() as connection:
        for status in (IncidentStatus.MITIGATING, IncidentStatus.VERIFYING, IncidentStatus.MITIGATED):
            incidents.transition(
                connection, ledger.incident, status, at=ledger.clock.now(), actor="engine", summary="as planned"
            )
        monkeypatch.setattr(attention, "harmful", lambda *_: "people cannot log in" if harm else None)
        monkeypatch.setattr(attention.decisions, "current", lambda *_: object())
        now, mine = ledger.clock.now(), incidents.get(connection, ledger.incident)
        found = attention.need(connection, ledger.database, mine, RunState(kind, now), now)
    assert found is (attention.Need.START if harm else attention.Need.NOTHING)
