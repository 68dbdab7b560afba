"""Feature flags: what applications see, why, since when; changing them behind the gate their risk asks for."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse

from gateway.caller import Caller
from gateway.console.page import HOME, go
from gateway.console.pages.incidents import Choice
from gateway.console.show import reading, show
from gateway.console.visitor import FlagReader, FlagWriter, person_of
from gateway.context import context_of
from gateway.flag_gate import gate_of, lost
from gateway.problem import Problem
from spine.errors import Refused
from spine.flag import CATALOGUE, Definition
from spine.flag.change import ChangeState, FlagChange, ruling
from spine.flag.hold import live
from spine.ids import ChangeId
from spine.plan import Gate
from spine.policy import Ruling
from spine.redact import redact_text
from store import flag_changes, flags
from store.flag_propose import Proposer, Wanted, apply, archiving, must, propose, withdraw

router = APIRouter(include_in_schema=False)
_CHANGES = 50
_FLAG = f"{HOME}/flags/{{key}}"
Reason = Annotated[str, Form(max_length=500)]
Minutes = Annotated[str, Form(max_length=8)]


@router.get(f"{HOME}/flags")
def list_flags(
    request: Request, visitor: FlagReader, q: Annotated[str, Query(max_length=128)] = "", archived: Choice = ""
) -> HTMLResponse:
    """Every flag with what applications see now; what is held or changed comes first. Or those that were archived."""
    now = context_of(request).clock.now()
    with reading(request, visitor) as connection:
        found = flags.all_flags(connection, visitor.tenant)
        broken = flags.broken(connection, visitor.tenant)
        drafts = flag_changes.of_tenant(connection, visitor.tenant, state=ChangeState.DRAFT, limit=_CHANGES)
    rows = [
        (flag, flag.at(now), live(flag.holds, now))
        for key, flag in sorted(found.items())
        if q.strip().lower() in key.lower() and flag.base_at(now).archived is (archived == "yes")
    ]
    rows.sort(key=lambda row: (not row[2], row[0].version == 0, row[0].key))
    return show(
        request, visitor, "flags.html", section="flags", rows=rows, q=q, broken=broken, archived=archived,
        drafts=[one for one in drafts if one.expires_at > now],
    )  # fmt: skip


@router.get(_FLAG)
def show_flag(request: Request, visitor: FlagReader, key: str) -> HTMLResponse:
    """One flag: now, its holds, its plans, its versions, and the forms that change it."""
    return _page(request, visitor, key)


@router.post(f"{_FLAG}/change")
def change_flag(
    request: Request,
    visitor: FlagWriter,
    key: str,
    version: Annotated[int, Form(ge=0)],
    reason: Reason = "",
    variant: Annotated[str, Form(max_length=200)] = "",
    definition: Annotated[str, Form(max_length=64 * 1024)] = "",
    minutes: Minutes = "",
) -> Response:
    """Another default variant, or another definition as JSON; for a while where minutes are given."""
    typed = {"reason": reason, "definition": definition, "minutes": minutes}
    try:
        raw = _definition(request, visitor, key, variant, definition)
        ttl = timedelta(minutes=float(minutes)) if minutes.strip() else None
    except (ValueError, OverflowError) as error:
        return _page(request, visitor, key, wrong=f"That is no definition: {error}.", typed=typed, status=422)
    return _changed(request, visitor, key, raw, version, reason, ttl, typed)


@router.post(f"{_FLAG}/revert")
def revert_flag(
    request: Request,
    visitor: FlagWriter,
    key: str,
    version: Annotated[int, Form(ge=0)],
    to: Annotated[int, Form(ge=0)],
    reason: Reason = "",
) -> Response:
    """Put the content of an older version back, exactly, as a new version; the same gate as for any change."""
    with reading(request, visitor) as connection:
        known = {one.version: one.definition for one in flags.history(connection, visitor.tenant, key)}
    if key in CATALOGUE:
        known[0] = CATALOGUE[key].definition
    if to not in known:
        return _page(request, visitor, key, wrong=f"There is no version {to}.", status=422)
    told = reason.strip() and f"back to version {to}: {reason.strip()}"
    return _changed(request, visitor, key, known[to].stored(), version, told, None, {"reason": reason})


@router.post(f"{_FLAG}/archive")
def archive_flag(
    request: Request, visitor: FlagWriter, key: str, version: Annotated[int, Form(ge=0)], reason: Reason = ""
) -> Response:
    """Put it away: applications do not find it any more. The same gate as for any change."""
    with reading(request, visitor) as connection:
        try:
            wanted = archiving(connection, visitor.tenant, key, version, reason)
        except Refused as error:
            status = 404 if error.code == "flag.unknown" else 409
            raise Problem(status, error.code, str(error)) from error
    return _changed(request, visitor, key, wanted.definition, version, reason, None, {"reason": reason})


@router.post(f"{HOME}/flag-changes/{{change_id}}/apply")
def apply_change(request: Request, visitor: FlagWriter, change_id: UUID) -> Response:
    """Bring a change that was let through into force."""
    return _end(request, visitor, change_id, bring=True)


@router.post(f"{HOME}/flag-changes/{{change_id}}/withdraw")
def withdraw_change(request: Request, visitor: FlagWriter, change_id: UUID) -> Response:
    """Take a change back that is not in force yet."""
    return _end(request, visitor, change_id, bring=False)


def _changed(
    request: Request,
    visitor: Caller,
    key: str,
    raw: Mapping[str, Any],
    version: int,
    reason: str,
    ttl: timedelta | None,
    typed: dict[str, str],
) -> Response:
    """Propose it; where nobody else is needed, apply it in the same transaction."""
    context = context_of(request)
    try:
        gate = gate_of(request, visitor, key)
    except Problem as problem:
        factor = problem.code == "stepup.needed"
        wrong = "" if factor else problem.detail
        return _page(request, visitor, key, wrong=wrong, factor=factor, typed=typed, status=403)
    wanted = Wanted(key=key, definition=raw, expected_version=version, reason=redact_text(reason.strip()), ttl=ttl)
    by = Proposer(actor=visitor.actor, person=person_of(visitor).id)
    now, alone = context.clock.now(), gate < Gate.APPROVE
    try:
        with context.database.system() as connection:
            made = propose(connection, visitor.tenant, wanted, by, gate, now=now, settings=context.settings)
            if alone:
                apply(connection, visitor.tenant, made.id, actor=visitor.actor, now=now, gate=gate)
    except Refused as error:
        told = lost(context, visitor.tenant, key, error)
        return _page(request, visitor, key, wrong=told.detail, typed=typed, status=told.status)
    return go(f"/flags/{key}", said="changed" if alone else "drafted")


def _end(request: Request, visitor: Caller, change_id: UUID, *, bring: bool) -> Response:
    context, key = context_of(request), ChangeId(change_id)
    now = context.clock.now()
    with context.database.system() as connection:
        try:
            change = must(connection, visitor.tenant, key)
        except Refused as error:
            raise Problem(404, error.code, str(error)) from error
    try:
        with context.database.system() as connection:
            if bring:
                gate = max(change.gate, _ruling(request, visitor, change.key).gate)
                apply(connection, visitor.tenant, key, actor=visitor.actor, now=now, gate=gate)
            else:
                withdraw(connection, visitor.tenant, key, actor=visitor.actor, now=now)
    except Refused as error:
        told = lost(context, visitor.tenant, change.key, error)
        return _page(request, visitor, change.key, wrong=told.detail, status=told.status)
    return go(f"/flags/{change.key}", said="changed" if bring else "withdrawn")


def _page(
    request: Request,
    visitor: Caller,
    key: str,
    *,
    wrong: str = "",
    typed: dict[str, str] | None = None,
    factor: bool = False,
    status: int = 200,
) -> HTMLResponse:
    now = context_of(request).clock.now()
    with reading(request, visitor) as connection:
        flag = flags.get(connection, visitor.tenant, key)
        if flag is None:
            raise Problem(404, "flag.unknown", f"There is no flag {key[:128]!r} here. The list shows all there are.")
        history = flags.history(connection, visitor.tenant, key)
        changes = flag_changes.of_tenant(connection, visitor.tenant, key=key, limit=_CHANGES)
    return show(
        request, visitor, "flag.html", section="flags", status=status, flag=flag, seen=flag.at(now),
        base=flag.base_at(now), version=flag.version_at(now), held=live(flag.holds, now), history=history[::-1],
        open_changes=[one for one in changes if _open(one, now)], rules=_ruling(request, visitor, key),
        deny=Gate.DENY, approve=Gate.APPROVE, wrong=wrong, typed=typed or {}, factor=factor, known=key in CATALOGUE,
    )  # fmt: skip


def _open(change: FlagChange, now: Any) -> bool:
    if change.state is ChangeState.DRAFT:
        return bool(change.expires_at > now)
    return change.state is ChangeState.PLANNED


def _ruling(request: Request, visitor: Caller, key: str) -> Ruling:
    """The gate before a change of the flag by this visitor."""
    return ruling(key, person_of(visitor).roles_in(visitor.tenant), context_of(request).settings)


def _definition(request: Request, visitor: Caller, key: str, variant: str, text: str) -> Mapping[str, Any]:
    """What was asked for: the JSON that was written, else the base with another default.

    Raises:
        ValueError: neither makes a definition.
    """
    if text.strip():
        raw = json.loads(text)
        if not isinstance(raw, dict):
            raise ValueError("a definition is a JSON object")
        return raw
    now = context_of(request).clock.now()
    with reading(request, visitor) as connection:
        flag = flags.get(connection, visitor.tenant, key)
    if flag is None:
        raise Problem(404, "flag.unknown", f"There is no flag {key[:128]!r} here.")
    base: Definition = flag.base_at(now)
    if variant not in base.variants:
        raise ValueError(f"it has no variant {variant[:60]!r}")
    return {**base.stored(), "defaultVariant": variant}
