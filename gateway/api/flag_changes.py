"""`/api/ops/flag-changes`: changes of flags that wait for a yes or for their time; findings; files in and out."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from gateway.api.answer import IdempotencyKey, known, once
from gateway.api.field import Json, Prose
from gateway.api.flag_view import ChangeView, FindingView
from gateway.api.view import View
from gateway.auth import Scope
from gateway.caller import Caller, calling
from gateway.context import context_of
from gateway.flag_gate import gate_of, lost, may_look
from gateway.paging import MOST, Limit
from gateway.problem import Problem
from spine.errors import Refused
from spine.flag import Definition
from spine.flag.change import ChangeState, FlagChange
from spine.flag.file import export, read
from spine.flag.stored import StoredFlag
from spine.ids import ChangeId, TenantId
from spine.plan import Gate
from spine.redact import redact_text
from store import flag_changes, flag_findings
from store import flags as stored
from store.flag_propose import Proposer, Wanted, apply, propose, withdraw

router = APIRouter(prefix="/api/ops", tags=["flags"])
Reader = Annotated[Caller, Depends(calling(Scope.FLAGS_READ, Scope.FLAGS_WRITE))]
Writer = Annotated[Caller, Depends(calling(Scope.FLAGS_WRITE))]
_NOUN = "change"


class File(BaseModel):
    """A flagd file."""

    model_config = ConfigDict(extra="forbid")
    document: Json = Field(description='{"flags": {key: definition}}, as flagd reads it; "$evaluators" are put in.')
    reason: Prose
    dry_run: bool = Field(default=False, description="Only tell what would happen.")


class Taken(View):
    """What became of one flag of a file."""

    key: str
    outcome: str = Field(description="unchanged, applied, or proposed (another person must approve).")
    change_id: UUID | None = None


class Imported(View):
    """What became of a file."""

    flags: list[Taken]


@router.get("/flag-changes")
def list_changes(
    request: Request,
    caller: Reader,
    key: Annotated[str | None, Query(max_length=128)] = None,
    state: ChangeState | None = None,
    limit: Limit = MOST,
) -> list[ChangeView]:
    """The tenant's changes, newest first."""
    may_look(caller)
    with context_of(request).database.tenant(caller.tenant) as connection:
        found = flag_changes.of_tenant(connection, caller.tenant, key=key, state=state, limit=limit)
    return [ChangeView.of(one) for one in found]


@router.get("/flag-changes/{change_id}")
def show_change(request: Request, caller: Reader, change_id: UUID) -> ChangeView:
    """One change."""
    may_look(caller)
    return ChangeView.of(_change(request, caller, change_id))


@router.post("/flag-changes/{change_id}/apply", response_model=ChangeView)
def apply_change(
    request: Request, caller: Writer, change_id: UUID, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Bring a change into force that needs nobody, or that was approved; with a time ahead it is planned."""
    context, key = context_of(request), _change(request, caller, change_id).key
    with context.database.tenant(caller.tenant) as connection:
        approved = _approved(connection, request, change_id)
    gate = Gate.APPROVE if approved else gate_of(request, caller, key)

    def work() -> ChangeView:
        now = context.clock.now()
        try:
            with context.database.tenant(caller.tenant) as connection:
                done = apply(
                    connection, caller.tenant, ChangeId(change_id), actor=caller.actor, now=now, gate=gate
                )  # fmt: skip
        except Refused as refusal:
            raise lost(context, caller.tenant, key, refusal) from refusal
        return ChangeView.of(done)

    return once(context, caller, request, idempotency_key, None, work)


@router.delete("/flag-changes/{change_id}", response_model=ChangeView)
def withdraw_change(
    request: Request, caller: Writer, change_id: UUID, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Take a draft back, or a planned change that has not begun."""
    context, key = context_of(request), _change(request, caller, change_id).key

    def work() -> ChangeView:
        try:
            with context.database.tenant(caller.tenant) as connection:
                done = withdraw(
                    connection, caller.tenant, ChangeId(change_id), actor=caller.actor, now=context.clock.now()
                )
        except Refused as refusal:
            raise lost(context, caller.tenant, key, refusal) from refusal
        return ChangeView.of(done)

    return once(context, caller, request, idempotency_key, None, work)


@router.get("/flag-findings")
def list_findings(request: Request, caller: Reader) -> list[FindingView]:
    """What is wrong with the tenant's flags, or will be: broken, conflict, drift, overtaken, stale, unowned."""
    may_look(caller)
    context = context_of(request)
    stale = timedelta(days=context.settings.flag.stale_days)
    with context.database.tenant(caller.tenant) as connection:
        found = flag_findings.found(connection, caller.tenant, now=context.clock.now(), stale=stale)
    return [FindingView.of(one) for one in found]


@router.get("/flag-file")
def export_flags(request: Request, caller: Reader) -> dict[str, object]:
    """The bases that people edited, as a file that flagd reads. What leases hold is not in it."""
    may_look(caller)
    context = context_of(request)
    now = context.clock.now()
    with context.database.tenant(caller.tenant) as connection:
        found = stored.all_flags(connection, caller.tenant)
    return export({key: flag.base_at(now) for key, flag in _edited(found, now).items()})


def _edited(found: Mapping[str, StoredFlag], now: datetime) -> dict[str, StoredFlag]:
    """Those that people edited and that are in use."""
    return {key: flag for key, flag in found.items() if flag.version_at(now) and not flag.base_at(now).archived}


@router.post("/flag-file", response_model=Imported)
def import_flags(request: Request, caller: Writer, asked: File, idempotency_key: IdempotencyKey = None) -> JSONResponse:
    """Take over a flagd file: all of it, or nothing where a flag is not valid. What it does not name stays.

    Flags of high risk become proposals where the caller's own word is not enough.
    """
    context = context_of(request)
    good = _valid(asked)
    gates = {key: gate_of(request, caller, key) for key in good}

    def work() -> Imported:
        taken: list[Taken] = []
        try:
            with context.database.system() as connection:
                for key in sorted(good):
                    taken.append(_take(connection, request, caller, asked, key, good[key], gates[key]))
                if asked.dry_run:
                    raise _OnlyTold
        except _OnlyTold:
            taken = [Taken(key=one.key, outcome=one.outcome) for one in taken]
        return Imported(flags=taken)

    return once(context, caller, request, idempotency_key, asked, work)


class _OnlyTold(Exception):
    """Nothing is kept of a dry run."""


def _valid(asked: File) -> dict[str, Definition]:
    good, bad = read(asked.document)
    if bad:
        errors = [{"pointer": f"#/document/flags/{key}", "detail": why} for key, why in sorted(bad.items())]
        raise Problem(422, "flag.file", f"{len(bad)} flags are not valid; nothing was stored.", errors=errors[:100])
    return good


def _take(
    connection: Connection, request: Request, caller: Caller, asked: File, key: str, definition: Definition, gate: Gate
) -> Taken:
    context = context_of(request)
    now = context.clock.now()
    flag = stored.get(connection, caller.tenant, key)
    if flag is not None and flag.base_at(now) == definition:
        return Taken(key=key, outcome="unchanged")
    wanted = Wanted(
        key=key, definition=definition.stored(), expected_version=flag.version_at(now) if flag else 0,
        reason=redact_text(asked.reason),
    )  # fmt: skip
    by = Proposer(actor=caller.actor, person=caller.human)
    change = propose(connection, caller.tenant, wanted, by, gate, now=now, settings=context.settings)
    if gate >= Gate.APPROVE:
        return Taken(key=key, outcome="proposed", change_id=change.id)
    apply(connection, caller.tenant, change.id, actor=caller.actor, now=now, gate=gate)
    return Taken(key=key, outcome="applied", change_id=change.id)


def _change(request: Request, caller: Caller, change_id: UUID) -> FlagChange:
    with context_of(request).database.tenant(caller.tenant) as connection:
        return known(_mine(connection, caller.tenant, change_id), _NOUN)


def _mine(connection: Connection, tenant: TenantId, change_id: UUID) -> FlagChange | None:
    found = flag_changes.get(connection, change_id)
    return found if found is not None and found.tenant_id == tenant else None


def _approved(connection: Connection, request: Request, change_id: UUID) -> bool:
    change = flag_changes.get(connection, change_id)
    return change is not None and flag_changes.granted(connection, change, context_of(request).clock.now())
