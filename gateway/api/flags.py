"""`/api/ops/flags`: what applications read, how it came about, and changes by compare-and-set.

Applications evaluate flags at `/ofrep/v1` with the standard OpenFeature SDKs; this is for those who look after them.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from gateway.api.answer import IdempotencyKey, IfNoneMatch, etag, known, once
from gateway.api.field import Json, Line, Prose
from gateway.api.flag_view import ChangeView, FlagView, VersionView
from gateway.auth import Scope
from gateway.caller import Caller, calling
from gateway.context import context_of
from gateway.flag_gate import expected, gate_of, lost, may_look, pass_gate
from gateway.paging import CursorText, Limit, Listed, decode, encode
from gateway.problem import Problem
from spine.errors import Refused
from spine.plan import Gate
from spine.redact import redact_text
from store import flags as stored
from store.flag_propose import Proposer, Wanted, apply, archiving, propose

router = APIRouter(prefix="/api/ops/flags", tags=["flags"])
Reader = Annotated[Caller, Depends(calling(Scope.FLAGS_READ, Scope.FLAGS_WRITE))]
Writer = Annotated[Caller, Depends(calling(Scope.FLAGS_WRITE))]
Key = Annotated[str, Path(max_length=128, pattern=r"^[a-z0-9][a-zA-Z0-9._-]{0,127}$", examples=["checkout.banner"])]
IfMatch = Annotated[
    str | None,
    Header(max_length=100, description='The version you saw, as the `ETag` has it; `"0"` = never edited.'),
]
_LIST, _NOUN = "flags", "flag"
_ON_OFF: JsonDict = {
    "definition": {"variants": {"on": True, "off": False}, "defaultVariant": "on"},
    "reason": "the sale begins", "owner": "shop team", "purpose": "The banner of a sale",
}  # fmt: skip


class Change(BaseModel):
    """What a flag is to be, and why. What is left out of purpose, owner and temporary stays as it is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ON_OFF]})
    definition: Json = Field(description="In flagd's form: variants, defaultVariant, targeting, metadata.")
    reason: Prose
    purpose: Line | None = None
    owner: Line | None = None
    temporary: bool | None = Field(default=None, description="true = it is to be removed from the code one day.")
    starts_at: AwareDatetime | None = Field(default=None, description="When it takes effect; null = at once.")
    ttl_seconds: float | None = Field(
        default=None, gt=0, le=366 * 86400, description="What was before comes back after this; null = for good."
    )


class Reason(BaseModel):
    """Why a flag goes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "the sale is over"}]})
    reason: Prose


class Back(BaseModel):
    """Which version to bring back, and why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"version": 3, "reason": "it broke"}]})
    version: int = Field(ge=0, le=2**31 - 1, description="0 = what a flag of our own is before anybody edits it.")
    reason: Prose


@router.get("")
def list_flags(
    request: Request,
    caller: Reader,
    prefix: Annotated[str, Query(max_length=128, description="Only keys that begin so.")] = "",
    held: Annotated[bool | None, Query(description="Only those that leases hold, or do not hold, now.")] = None,
    archived: Annotated[bool, Query(description="Those that were archived, instead of those in use.")] = False,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Listed[FlagView]:
    """The tenant's flags by key, those of the spine's own actions included."""
    may_look(caller)
    context, now = context_of(request), context_of(request).clock.now()
    filters = (prefix, held, archived)
    begins = decode(cursor, _LIST, filters)
    if begins is not None and (len(begins) != 1 or not isinstance(begins[0], str)):
        raise Problem(422, "cursor.unfit", "This cursor was not made for this list. Start without one.")
    with context.database.tenant(caller.tenant) as connection:
        found = stored.all_flags(connection, caller.tenant)
    after = begins[0] if begins else ""
    shown = [FlagView.of(found[key], now, context.settings) for key in sorted(found) if key > after]
    wanted = [
        one
        for one in shown
        if one.key.startswith(prefix) and held in (None, bool(one.holds)) and one.archived is archived
    ]
    page = wanted[:limit]
    more = len(wanted) > limit
    return Listed(items=page, next=encode(_LIST, filters, [page[-1].key]) if more else None)


@router.get("/{key}", response_model=FlagView)
def show_flag(request: Request, caller: Reader, key: Key, if_none_match: IfNoneMatch = None) -> Response:
    """One flag: its base, what leases hold on top, what is planned, and what a request reads now."""
    may_look(caller)
    shown = _shown(request, caller, key)
    tag = f'"{shown.version}.{etag(shown)[1:17]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and tag in [one.strip().removeprefix("W/") for one in if_none_match.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(shown.model_dump_json(), media_type="application/json", headers=headers)


@router.get("/{key}/history")
def flag_history(request: Request, caller: Reader, key: Key) -> list[VersionView]:
    """Every version of the base, oldest first: what it was, who made it and why."""
    may_look(caller)
    context = context_of(request)
    with context.database.tenant(caller.tenant) as connection:
        known(stored.get(connection, caller.tenant, key), _NOUN)
        return [VersionView.of(one) for one in stored.history(connection, caller.tenant, key)]


@router.put("/{key}", response_model=FlagView)
def change_flag(
    request: Request, caller: Writer, key: Key, asked: Change, if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:  # fmt: skip
    """Make or change a flag, unless somebody was faster. With a time it is planned, with a length it ends by itself.

    A key of high risk takes a second factor, or another person's approval: then propose the change instead.
    """
    gate, context = pass_gate(request, caller, key), context_of(request)
    wanted, now = _wanted(key, asked, expected(if_match)), context.clock.now()

    def work() -> FlagView:
        try:
            with context.database.system() as connection:
                change = propose(
                    connection, caller.tenant, wanted, _proposer(caller), gate, now=now, settings=context.settings
                )
                apply(connection, caller.tenant, change.id, actor=caller.actor, now=now, gate=gate)
        except Refused as refusal:
            raise lost(context, caller.tenant, key, refusal, stale=412) from refusal
        return _shown(request, caller, key)

    return once(context, caller, request, idempotency_key, asked, work)


@router.post("/{key}/changes", status_code=201, response_model=ChangeView)
def propose_change(
    request: Request, caller: Writer, key: Key, asked: Change, if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:  # fmt: skip
    """Propose a change. Where it needs another person, they are asked; it takes effect when somebody applies it."""
    gate, context = gate_of(request, caller, key), context_of(request)
    wanted, now = _wanted(key, asked, expected(if_match)), context.clock.now()

    def work() -> ChangeView:
        try:
            with context.database.system() as connection:
                made = propose(
                    connection, caller.tenant, wanted, _proposer(caller), gate, now=now, settings=context.settings
                )
        except Refused as refusal:
            raise lost(context, caller.tenant, key, refusal, stale=412) from refusal
        return ChangeView.of(made)

    return once(context, caller, request, idempotency_key, asked, work, status=201)


@router.post("/{key}/revert", response_model=FlagView)
def revert_flag(
    request: Request, caller: Writer, key: Key, asked: Back, if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:  # fmt: skip
    """Bring the exact definition of an older version back, as a new version. Holds of leases stay on top."""
    pass_gate(request, caller, key)
    context, version = context_of(request), expected(if_match)

    def work() -> FlagView:
        try:
            with context.database.tenant(caller.tenant) as connection:
                known(stored.get(connection, caller.tenant, key), _NOUN)
                stored.revert(
                    connection, caller.tenant, key, asked.version, expected_version=version, actor=caller.actor,
                    reason=redact_text(asked.reason), at=context.clock.now(),
                )  # fmt: skip
        except Refused as refusal:
            raise lost(context, caller.tenant, key, refusal, stale=412) from refusal
        return _shown(request, caller, key)

    return once(context, caller, request, idempotency_key, asked, work)


@router.post("/{key}/archive", response_model=ChangeView)
def archive_flag(
    request: Request, caller: Writer, key: Key, asked: Reason, if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:  # fmt: skip
    """Put a flag away that no code reads any more: applications do not find it, and use their own defaults.

    It goes when nothing holds it and nothing is planned for it, through the gate of any change: where that needs
    another person the answer is a draft they are asked about, to be applied then. Its history stays, and putting any
    version back brings it back.
    """
    gate, context = gate_of(request, caller, key), context_of(request)
    version, now = expected(if_match), context.clock.now()

    def work() -> ChangeView:
        try:
            with context.database.system() as connection:
                wanted = archiving(connection, caller.tenant, key, version, redact_text(asked.reason))
                made = propose(
                    connection, caller.tenant, wanted, _proposer(caller), gate, now=now, settings=context.settings
                )
                if gate < Gate.APPROVE:
                    made = apply(connection, caller.tenant, made.id, actor=caller.actor, now=now, gate=gate)
        except Refused as refusal:
            raise lost(context, caller.tenant, key, refusal, stale=412) from refusal
        return ChangeView.of(made)

    return once(context, caller, request, idempotency_key, asked, work)


def _shown(request: Request, caller: Caller, key: str) -> FlagView:
    context = context_of(request)
    with context.database.tenant(caller.tenant) as connection:
        flag = known(stored.get(connection, caller.tenant, key), _NOUN)
    return FlagView.of(flag, context.clock.now(), context.settings)


def _wanted(key: str, asked: Change, version: int) -> Wanted:
    return Wanted(
        key=key, definition=asked.definition, expected_version=version, reason=redact_text(asked.reason),
        starts_at=asked.starts_at, ttl=timedelta(seconds=asked.ttl_seconds) if asked.ttl_seconds else None,
        purpose=asked.purpose, owner=asked.owner, temporary=asked.temporary,
    )  # fmt: skip


def _proposer(caller: Caller) -> Proposer:
    return Proposer(actor=caller.actor, person=caller.human)
