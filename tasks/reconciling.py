"""Reconcile: finishes whatever a dead process, a lost call or a passed deadline left undone.

Everything here is safe to run twice, by several at once, and while runs work on the same incidents.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from blocks.orchestrator import RunState, end_deaf, run_state, start_run, wake
from spine.clock import SystemClock
from spine.deployment import OBEY
from spine.ids import IncidentId
from spine.incident import Incident
from spine.settings import Settings
from store import approvals, commands, heartbeats, incident_rows, incidents
from store.engine import Database
from store.flag_write import settle_due
from store.retry import retrying
from tasks.abandoned import end_abandoned
from tasks.attention import Need, need
from tasks.cancelling import cancelled_by_hand
from tasks.checkpointing import checkpoint_when_due
from tasks.escalating import call_people
from tasks.leasing import Tended, ports_of, tend_leases
from tasks.progress import escalate
from tasks.ratifying import revert_unratified
from tasks.relay import drain
from tasks.steering import steer
from tasks.stranded import clear_stranded

_RELAY_SILENT = timedelta(seconds=60)
_LEFT_WAITING = timedelta(minutes=2)
"""So long after an incident's end its run is looked for: one that was just about to wait when it ended still waits."""
_DEAF = timedelta(minutes=1)
"""A run that has waited for so long and is woken in vain will never wake."""
_COMMAND_SILENT = timedelta(seconds=10)
_FAILED = "run.failed"
_MOST_FAILED = 3
T = TypeVar("T")
DeploymentOf = Callable[[Incident], str | None]
"""The deployment that responds to an incident; None = no runbook knows its kind."""


@dataclass(slots=True, kw_only=True)
class Reconciled:
    """What one round did."""

    expired: int = 0
    planned: int = 0
    """Changes of flags whose time had come, written down as versions."""
    tended: list[Tended] = field(default_factory=list)
    unratified: int = 0
    crashed: int = 0
    woken: list[UUID] = field(default_factory=list)
    started: list[UUID] = field(default_factory=list)
    commanded: int = 0
    called: int = 0
    """Steps of escalations taken."""
    signed: int = 0
    delivered: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """The round in words."""
        return (
            f"{self.expired} approvals expired, {self.planned} planned changes of flags written down, "
            f"{len(self.tended)} leases tended, "
            f"{self.unratified} break-glass actions taken back, {self.crashed} runs found dead, "
            f"{len(self.woken)} woken, {len(self.started)} started, {self.commanded} commands taken up, "
            f"{self.called} steps of on-call taken, {self.signed} audit heads signed, "
            f"{self.delivered} messages delivered, "
            f"{len(self.problems)} problems"
        )


async def reconcile_once(
    database: Database, settings: Settings, deployment_of: DeploymentOf, now: datetime
) -> Reconciled:
    """One round over everything. A part that fails does not keep the others from being tried."""
    done = Reconciled()
    done.expired = await _tried(done, asyncio.to_thread(_expire, database, settings, now)) or 0
    done.planned = await _tried(done, asyncio.to_thread(_settle, database, now)) or 0
    done.tended = await _tried(done, asyncio.to_thread(_tend, database, settings)) or []
    done.problems += [t.error for t in done.tended if t.error]
    taken = await _tried(done, asyncio.to_thread(revert_unratified, database, settings, now)) or []
    done.unratified = sum(t.error is None for t in taken)
    done.problems += [t.error for t in taken if t.error]
    done.problems += await _tried(done, asyncio.to_thread(end_abandoned, database, settings, now)) or []
    await _tried(done, _wake_decided(database, done, now))
    if calls := await _tried(done, asyncio.to_thread(call_people, database, settings, now)):
        done.called = calls.steps
        done.problems += calls.problems
    if steered := await _tried(done, asyncio.to_thread(steer, database, settings, now)):
        done.problems += steered.problems
    await _tried(done, _take_up_commands(database, done, now))
    done.crashed = await _tried(done, clear_stranded(database)) or 0  # may take some seconds: only answers wait for it
    with database.system() as connection:
        live = incidents.list_live(connection)
        over = incident_rows.list_just_resolved(connection, now - _LEFT_WAITING)
    for incident in (*live, *over):
        await _tried(done, _attend(database, settings, deployment_of, incident, done, now))
    if signed := await _tried(done, asyncio.to_thread(checkpoint_when_due, database, settings, now)):
        done.signed = signed.heads
        done.problems += signed.problems
    if _relay_silent(database, now):
        done.delivered = await _tried(done, asyncio.to_thread(drain, database, settings, SystemClock())) or 0
    with database.system() as connection:
        heartbeats.beat(connection, "reconcile", now=now, detail={"problems": len(done.problems)})
    return done


def _expire(database: Database, settings: Settings, now: datetime) -> int:
    def transaction() -> int:
        with database.system() as connection:
            return len(approvals.expire_due(connection, now, settings))

    return retrying(transaction)


def _settle(database: Database, now: datetime) -> int:
    def transaction() -> int:
        with database.system() as connection:
            return settle_due(connection, now)

    return retrying(transaction)


def _tend(database: Database, settings: Settings) -> list[Tended]:
    return tend_leases(database, ports_of(settings))


async def _wake_decided(database: Database, done: Reconciled, now: datetime) -> None:
    """Runs whose question was answered while the call that should have woken them was lost."""
    with database.system() as connection:
        answered = approvals.decided_unresumed(connection)
    for approval in answered:
        if approval.flow_run_id is None:
            continue
        state = await _tried(done, run_state(approval.flow_run_id))
        if state is not None and state.waiting and not await _tried(done, wake(approval.flow_run_id)):
            continue
        if state is not None and state.waiting:
            done.woken.append(approval.flow_run_id)
        if state is not None and (state.waiting or state.ended):
            with database.system() as connection:
                approvals.mark_resumed(connection, approval.id, now)


async def _take_up_commands(database: Database, done: Reconciled, now: datetime) -> None:
    """Commands whose run was never started, or came to no end; started again under their key, they run once."""
    with database.system() as connection:
        left = commands.left(connection, now, _COMMAND_SILENT)
    for command in left:
        parameters = {"command_id": str(command.id), "request_id": command.request}
        key = f"command:{command.id}"
        if await _tried(done, start_run(OBEY, parameters, idempotency_key=key)) is not None:
            done.commanded += 1


async def _attend(
    database: Database,
    settings: Settings,
    deployment_of: DeploymentOf,
    incident: Incident,
    done: Reconciled,
    now: datetime,
) -> None:
    deployment = deployment_of(incident)
    if deployment is None:
        return
    state: RunState | None = await run_state(incident.flow_run_id) if incident.flow_run_id else None
    with database.system() as connection:
        wanted = need(connection, database, incident, state, now)
    if wanted is Need.WAKE and incident.flow_run_id and state is not None:
        if await wake(incident.flow_run_id):
            done.woken.append(incident.flow_run_id)
        elif now - state.since > _DEAF and await end_deaf(incident.flow_run_id, state.since):
            done.crashed += 1
    elif wanted is Need.COMPENSATE:
        await asyncio.to_thread(cancelled_by_hand, database, settings, incident.id, now)
    elif wanted is Need.START:
        if state is not None and state.kind == "FAILED" and _given_up(database, settings, incident.id, now):
            return
        key = str(incident.id) if incident.fence == 0 else f"{incident.id}:{incident.fence}"
        tags = (f"tenant:{incident.tenant_id}", f"severity:{incident.severity.label}")
        parameters = {"incident_id": str(incident.id)}
        done.started.append(await start_run(deployment, parameters, idempotency_key=key, tags=tags))


def _given_up(database: Database, settings: Settings, incident: IncidentId, now: datetime) -> bool:
    """Count a failed run, once; after the third, what fails is no passing trouble: people take over. True = they do."""
    with database.system() as connection:
        found = incidents.get(connection, incident, lock=True)
        told = [one for one in incidents.timeline(connection, found.id) if one["kind"] == _FAILED]
        run, failed = str(found.flow_run_id), len(told) + 1
        if any((one["detail"] or {}).get("run") == run for one in told):
            return False  # another run is on its way
        incidents.append_timeline(
            connection, found, now, _FAILED, "engine", f"Its run failed, time {failed} of {_MOST_FAILED}", {"run": run}
        )
        if failed >= _MOST_FAILED:
            escalate(connection, settings, found, f"its run failed {failed} times; Prefect UI shows why", now)
    return failed >= _MOST_FAILED


async def _tried(done: Reconciled, attempt: Awaitable[T]) -> T | None:
    try:
        return await attempt
    except Exception as error:  # one part's trouble, of whatever kind, must not stop the others
        done.problems.append(f"{type(error).__name__}: {error}")
        return None


def _relay_silent(database: Database, now: datetime) -> bool:
    with database.system() as connection:
        last = heartbeats.beats(connection).get("relay")
    return last is None or now - last[0] > _RELAY_SILENT
