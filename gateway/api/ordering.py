"""Commands from the edge: written down, handed to a run by name, and what has become of them by now.

Nothing is done here. A command is a row, committed with its audit entry before anything else; the run that carries it
out (flows/obey.py) is started by name, and by reconcile when that call was lost. The answer is read from the store.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from asgi_correlation_id import correlation_id
from fastapi import Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from gateway.api.answer import known
from gateway.api.view import View
from gateway.caller import Caller
from gateway.context import Context, context_of
from gateway.problem import Problem
from spine.command import KEYS_ROLE, Command, CommandKind, CommandState, Wanted, judged_as
from spine.deployment import OBEY
from spine.ids import CommandId, IncidentId, LeaseId, derive, mint
from spine.redact import redact_text
from store import commands
from store.read.commands import Became, Report, report

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 0.15


class ActionView(View):
    """What became of one action."""

    action: str = Field(examples=["ip.throttle"])
    status: str = Field(
        examples=["approval_pending"],
        description="blocked, approval_pending, waiting (for a run), applying, applied, reverting or reverted.",
    )
    gate: str | None = Field(default=None, examples=["approve"])
    because: str = ""
    approval_id: UUID | None = None
    mitigation_id: UUID | None = None
    expires_at: datetime | None = Field(default=None, description="When it ends by itself, or the approval does.")
    audit_ids: list[UUID] = []

    @classmethod
    def of(cls, one: Became) -> "ActionView":
        """The action as it stands."""
        lease, approval = one.lease, one.approval
        ends = lease.expires_at if lease else approval.expires_at if approval else None
        return cls(
            action=one.action, status=one.status, gate=one.gate, because=one.because,
            approval_id=approval.id if approval else None, mitigation_id=lease.id if lease else None,
            expires_at=ends, audit_ids=list(one.audit_ids),
        )  # fmt: skip


class CommandView(View):
    """What somebody told the spine to do, and how far it is."""

    id: UUID
    kind: str = Field(examples=["act"])
    incident_id: UUID
    mitigation_id: UUID | None = None
    actor: str = Field(examples=["person:ann@example.org"])
    reason: str
    state: str = Field(examples=["done"], description="waiting, done or refused.")
    because: str = ""
    decision_id: UUID | None = Field(default=None, description="The plan that was frozen of the actions.")
    actions: list[ActionView] = []
    commanded_at: datetime
    finished_at: datetime | None = None
    audit_ids: list[UUID] = []

    @classmethod
    def of(cls, found: Report) -> "CommandView":
        """The command as it stands."""
        one = found.command
        return cls(
            id=one.id, kind=one.kind.value, incident_id=one.incident_id, mitigation_id=one.lease_id, actor=one.actor,
            reason=one.reason, state=one.state.value, because=str(one.outcome.get("because", "")),
            decision_id=one.outcome.get("decision"), actions=[ActionView.of(action) for action in found.actions],
            commanded_at=one.commanded_at, finished_at=one.finished_at, audit_ids=list(found.audit_ids),
        )  # fmt: skip


TOLD: dict[int | str, dict[str, Any]] = {
    200: {"model": CommandView, "description": "Settled: what is left waits for people."},
    202: {"model": CommandView, "description": "Some of it is still being done: ask again where `Location` says."},
}
"""Of every route that answers with a command."""


async def ordered(
    request: Request, caller: Caller, kind: CommandKind, *, incident_id: UUID, reason: str, check: Callable[[], None],
    lease_id: UUID | None = None, actions: Sequence[Wanted] = (), key: str | None = None,
) -> Command:  # fmt: skip
    """The command, written; sent again with its key it is the one that is there.

    `check` raises what speaks against a new one, and that what it names is the caller's.

    Raises:
        Problem: 422, the key was used for another command.
    """
    context = context_of(request)
    wanted = _command(context, caller, kind, incident_id, lease_id, reason, tuple(actions), key)

    def write() -> Command:
        with context.database.tenant(caller.tenant) as connection:
            known_one = commands.get(connection, wanted.id)
        if known_one is None:
            check()
            with context.database.tenant(caller.tenant) as connection:
                commands.put(connection, wanted)
                known_one = commands.get(connection, wanted.id)
        assert known_one is not None
        if _said(known_one) != _said(wanted):
            raise Problem(
                422, "idempotency.reused", "This Idempotency-Key was used for another request. Use a new key.",
                errors=[{"pointer": "#/Idempotency-Key", "detail": "used before, for another request"}],
            )  # fmt: skip
        return known_one

    return await run_in_threadpool(write)


async def carried_out(request: Request, caller: Caller, command: Command) -> Response:
    """Start its run and answer with what became of it: 200 when it is settled, 202 while it is not.

    Raises:
        Problem: 409, it was refused.
    """
    context = context_of(request)
    found = await settled(context, caller, command)
    one = found.command
    if one.state is CommandState.REFUSED and one.kind is not CommandKind.ACT:
        raise Problem(409, str(one.outcome.get("code", "command.refused")), str(one.outcome.get("because", "")))
    return respond(found)


def respond(found: Report) -> JSONResponse:
    """The command as it stands, with where to ask again."""
    status = 200 if found.settled else 202
    headers = {"Location": f"/api/ops/auth/actions/{found.command.id}"}
    return JSONResponse(jsonable_encoder(CommandView.of(found)), status, headers=headers)


async def settled(context: Context, caller: Caller, command: Command) -> Report:
    """What became of the command, as soon as it is settled, or when the caller has waited long enough."""
    started = True
    if command.state is CommandState.WAITING:
        parameters = {"command_id": str(command.id), "request_id": correlation_id.get()}
        started = await context.start(OBEY, parameters, f"command:{command.id}")
    return await look(context, caller, command.id, until=lambda found: found.settled or not started)


async def look(context: Context, caller: Caller, key: UUID, *, until: Callable[[Report], bool]) -> Report:
    """The command's report once `until` holds, or after `gateway.answer_seconds`."""

    def read() -> Report:
        with context.database.tenant(caller.tenant) as connection:
            return known(report(connection, key), "command")

    deadline = asyncio.get_running_loop().time() + context.settings.gateway.answer_seconds
    while True:
        found = await run_in_threadpool(read)
        if until(found) or asyncio.get_running_loop().time() >= deadline:
            return found
        await asyncio.sleep(_LOOK_SECONDS)


def _command(
    context: Context, caller: Caller, kind: CommandKind, incident: UUID, lease: UUID | None, reason: str,
    actions: tuple[Wanted, ...], key: str | None,
) -> Command:  # fmt: skip
    made = mint() if key is None else derive("command", caller.tenant, caller.actor, key)
    person = caller.person
    return Command(
        id=CommandId(made), tenant_id=caller.tenant, kind=kind, incident_id=IncidentId(incident),
        lease_id=LeaseId(lease) if lease else None, actor=caller.actor, person_id=person.id if person else None,
        maker_id=caller.maker,
        role=judged_as(person.roles_in(caller.tenant)) if person else KEYS_ROLE, reason=redact_text(reason),
        actions=actions, request=correlation_id.get(), commanded_at=context.clock.now(),
    )  # fmt: skip


def _said(one: Command) -> tuple[object, ...]:
    return one.kind, one.incident_id, one.lease_id, one.reason, one.actions
