"""`/api/ops/oncall`: who is on call now or at any moment, schedules, overrides, policies, pages, acknowledgement.

What serves every tenant (`everybodys`) is shown to each, and changed on the command line alone; who has a role in every
tenant may let somebody stand in.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from gateway.api.answer import IdempotencyKey, IfMatch, IfNoneMatch, check_version, known, once, versioned
from gateway.api.oncall_view import (
    Ask,
    EscalationView,
    Held,
    Moment,
    NewOverride,
    OverrideView,
    PolicyView,
    RosterView,
    ScheduleView,
)
from gateway.auth import Scope
from gateway.caller import Caller, calling
from gateway.context import context_of
from gateway.problem import Problem
from spine.errors import Refused
from spine.oncall.policy import Policy
from spine.oncall.schedule import Override, Plan
from store import duty, escalations, incidents, policies, schedules
from store.oncall import acknowledge

T = TypeVar("T")
router = APIRouter(prefix="/api/ops/oncall", tags=["on-call"])
Reader = Annotated[Caller, Depends(calling(Scope.ONCALL_READ))]
Writer = Annotated[Caller, Depends(calling(Scope.ONCALL_WRITE))]
Responder = Annotated[Caller, Depends(calling(Scope.INCIDENTS_WRITE))]
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}$", examples=["primary"])]
_STATUS = {"oncall.stale": 412, "oncall.everybodys": 403}


@router.get("")
def who_is_on_call(
    request: Request,
    caller: Reader,
    at: Annotated[Moment | None, Query(description="null = now.")] = None,
    schedule: Annotated[str | None, Query(max_length=80)] = None,
) -> RosterView:
    """Who is on call, by schedule, with the next handovers and the hours to come in which nobody is."""
    context = context_of(request)
    moment = at or context.clock.now()
    with context.database.system() as connection:
        found = duty.on_duty(
            connection, moment, gap_days=context.settings.oncall.gap_days, tenant=caller.tenant, name=schedule
        )
    return RosterView.of(moment, found)


@router.get("/schedules")
def list_schedules(request: Request, caller: Reader) -> list[ScheduleView]:
    """The tenant's schedules, and those that serve everybody."""
    context = context_of(request)
    with context.database.system() as connection:
        return [
            ScheduleView.of(connection, one, context.clock.now()) for one in schedules.every(connection, caller.tenant)
        ]


@router.get("/schedules/{name}", response_model=ScheduleView)
def show_schedule(request: Request, caller: Reader, name: Name, if_none_match: IfNoneMatch = None) -> Response:
    """One schedule with its overrides to come."""
    with context_of(request).database.system() as connection:
        return versioned(known(_schedule(connection, request, caller, name), "schedule"), if_none_match)


@router.put("/schedules/{name}", response_model=ScheduleView)
def put_schedule(
    request: Request, caller: Writer, name: Name, asked: Plan, if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:  # fmt: skip
    """Write a schedule of this tenant; people are named by address. `If-Match` refuses to overwrite a change."""
    context = context_of(request)

    def work() -> ScheduleView:
        with context.database.system() as connection:
            before = _schedule(connection, request, caller, name)
            _check(before, if_match)
            schedules.put(
                connection, caller.tenant, name, asked, version=_own_version(before), actor=caller.actor,
                now=context.clock.now(),
            )  # fmt: skip
            return known(_schedule(connection, request, caller, name), "schedule")

    return once(context, caller, request, idempotency_key, asked, lambda: _refusing(work))


@router.delete("/schedules/{name}", status_code=204)
def delete_schedule(request: Request, caller: Writer, name: Name) -> None:
    """Delete a schedule of this tenant with its overrides."""
    _end(request, partial(schedules.remove, tenant=caller.tenant, name=name, actor=caller.actor))


@router.get("/overrides")
def list_overrides(request: Request, caller: Reader) -> list[OverrideView]:
    """Overrides to come and under way."""
    context = context_of(request)
    with context.database.system() as connection:
        found = schedules.overrides(connection, caller.tenant, since=context.clock.now())
        return [OverrideView.of(connection, one) for one in found]


@router.post("/overrides", status_code=201, response_model=OverrideView)
def add_override(
    request: Request, caller: Writer, asked: NewOverride, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Let somebody stand in for whoever would be on call."""
    context = context_of(request)
    stands_in = Override(
        people=tuple(asked.people), starts_at=asked.starts_at, ends_at=asked.ends_at, reason=asked.reason
    )

    def work() -> OverrideView:
        with context.database.system() as connection:
            made = schedules.add_override(
                connection, caller.tenant, asked.schedule, stands_in, actor=caller.actor, now=context.clock.now(),
                everybodys=caller.everywhere(Scope.ONCALL_WRITE),
            )  # fmt: skip
            return OverrideView.of(connection, made)

    return once(context, caller, request, idempotency_key, asked, lambda: _refusing(work), status=201)


@router.delete("/overrides/{override_id}", status_code=204)
def end_override(request: Request, caller: Writer, override_id: UUID) -> None:
    """Take an override back, or end it now."""
    everybodys = caller.everywhere(Scope.ONCALL_WRITE)
    _end(
        request,
        partial(
            schedules.cancel_override, tenant=caller.tenant, key=override_id, actor=caller.actor, everybodys=everybodys
        ),
    )


@router.get("/policies")
def list_policies(request: Request, caller: Reader) -> list[PolicyView]:
    """Who is called after whom: the tenant's policies first, then everybody's."""
    with context_of(request).database.system() as connection:
        return [PolicyView.of(connection, one) for one in policies.every(connection, caller.tenant)]


@router.put("/policies/{name}", response_model=PolicyView)
def put_policy(
    request: Request, caller: Writer, name: Name, asked: Policy, if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:  # fmt: skip
    """Write a policy of this tenant. Escalations under way keep the one they began with."""
    context = context_of(request)

    def work() -> PolicyView:
        with context.database.system() as connection:
            held = {one.name: one for one in reversed(policies.every(connection, caller.tenant))}.get(name)
            before = PolicyView.of(connection, held) if held else None
            _check(before, if_match)
            made = policies.put(
                connection, caller.tenant, name, asked, version=_own_version(before), actor=caller.actor,
                now=context.clock.now(),
            )  # fmt: skip
            return PolicyView.of(connection, made)

    return once(context, caller, request, idempotency_key, asked, lambda: _refusing(work))


@router.delete("/policies/{name}", status_code=204)
def delete_policy(request: Request, caller: Writer, name: Name) -> None:
    """Delete a policy of this tenant."""
    _end(request, partial(policies.remove, tenant=caller.tenant, name=name, actor=caller.actor))


@router.get("/pages")
def show_pages(request: Request, caller: Reader, incident_id: UUID) -> EscalationView:
    """Who was called for an incident, what became of it, and what comes next."""
    context = context_of(request)
    with context.database.system() as connection:
        found = escalations.of_incident(connection, incident_id)
        if found is None or found.tenant_id != caller.tenant:
            raise Problem(404, "escalation.unknown", "Nobody was called for such an incident here.")
        stuck = timedelta(seconds=context.settings.oncall.stuck_seconds)
        pages = escalations.pages(connection, incident_id, now=context.clock.now(), stuck=stuck)
        return EscalationView.of(connection, found, pages)


@router.post("/acknowledge", response_model=Held)
def take_on(request: Request, caller: Responder, asked: Ask, idempotency_key: IdempotencyKey = None) -> JSONResponse:
    """Take an incident on: nobody else is called. Of people alone; the first one stays, another is told who has it."""
    person = caller.person
    if person is None:
        raise Problem(403, "person.needed", "A person takes incidents on. An API key has nobody to be called.")
    context = context_of(request)

    def work() -> Held:
        with context.database.tenant(caller.tenant) as mine:
            _mine(mine, asked.incident_id)
        with context.database.system() as connection:
            done = acknowledge(connection, asked.incident_id, person, "api", context.clock.now())
        if done.refused:
            raise Problem(403, "person.role", done.sentence)
        if not done.by:
            raise Problem(409, "incident.over", done.sentence)
        if done.by != caller.actor:
            raise Problem(409, "incident.acknowledged", done.sentence)
        return Held(incident_id=done.incident.id, by=done.by, new=done.new, says=done.sentence)

    return once(context, caller, request, idempotency_key, asked, work)


def _mine(connection: Connection, incident: UUID) -> None:
    """Go on only if the tenant sees the incident."""
    try:
        incidents.get(connection, incident)
    except Refused as error:
        raise Problem(404, "incident.unknown", "There is no such incident here.") from error


def _schedule(connection: Connection, request: Request, caller: Caller, name: str) -> ScheduleView | None:
    found = schedules.find(connection, caller.tenant, name)
    return ScheduleView.of(connection, found, context_of(request).clock.now()) if found else None


def _check(before: ScheduleView | PolicyView | None, if_match: str | None) -> None:
    """Go on only if what would be replaced is what the caller saw.

    Raises:
        Problem: 412, it is not, or is not there.
    """
    if before is None or before.everybodys:
        if if_match is not None:
            raise Problem(412, "version.stale", "The tenant has none of this name; nothing was written.")
        return
    check_version(before, if_match)


def _own_version(before: ScheduleView | PolicyView | None) -> int:
    return 0 if before is None or before.everybodys else before.version


def _end(request: Request, act: Callable[..., None]) -> None:
    """Have `act(connection, now=…)` take something away; what is not there is a 404."""
    context = context_of(request)
    with context.database.system() as connection:
        try:
            act(connection, now=context.clock.now())
        except Refused as error:
            raise Problem(_STATUS.get(error.code, 404), error.code, str(error)) from error


def _refusing(work: Callable[[], T]) -> T:
    """What `work` returns; a change that came between is a 412."""
    try:
        return work()
    except Refused as error:
        raise Problem(_STATUS.get(error.code, 422), error.code, str(error)) from error
