"""On-call: who it is now, who comes next, when nobody is; overrides, and who is called after whom."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse

from gateway.auth import Scope
from gateway.caller import Caller
from gateway.console.page import HOME, go
from gateway.console.show import show
from gateway.console.visitor import OncallReader, OncallWriter
from gateway.context import context_of
from gateway.problem import Problem
from spine.errors import Refused
from spine.oncall.schedule import Override
from spine.person import EVERY_TENANT
from store import duty, policies, roster, schedules

router = APIRouter(include_in_schema=False)
_MOST_HOURS = 92 * 24
_EVERYBODYS = "oncall.everybodys"


@router.get(f"{HOME}/on-call")
def show_oncall(request: Request, visitor: OncallReader) -> HTMLResponse:
    """Every schedule that serves the tenant, as it is now."""
    return _page(request, visitor)


@router.post(f"{HOME}/on-call/overrides")
def stand_in(
    request: Request,
    visitor: OncallWriter,
    schedule: Annotated[str, Form(max_length=80)],
    person: Annotated[str, Form(max_length=320)],
    hours: Annotated[float, Form(gt=0, le=_MOST_HOURS)],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Let somebody stand in from now on, for some hours."""
    context = context_of(request)
    now = context.clock.now()
    wanted = Override(
        people=(person.strip(),), starts_at=now, ends_at=now + timedelta(hours=hours), reason=reason.strip()
    )
    try:
        with context.database.system() as connection:
            schedules.add_override(
                connection, visitor.tenant, schedule, wanted, actor=visitor.actor, now=now,
                everybodys=visitor.everywhere(Scope.ONCALL_WRITE),
            )  # fmt: skip
    except Refused as error:
        return _page(request, visitor, wrong=str(error), status=403 if error.code == _EVERYBODYS else 422)
    return go("/on-call", said="overridden")


@router.post(f"{HOME}/on-call/overrides/{{override_id}}/end")
def end_override(request: Request, visitor: OncallWriter, override_id: UUID) -> Response:
    """End an override: whoever would be on call without it is on call again."""
    context = context_of(request)
    try:
        with context.database.system() as connection:
            schedules.cancel_override(
                connection, visitor.tenant, override_id, actor=visitor.actor, now=context.clock.now(),
                everybodys=visitor.everywhere(Scope.ONCALL_WRITE),
            )  # fmt: skip
    except Refused as error:
        raise Problem(403 if error.code == _EVERYBODYS else 404, error.code, str(error)) from error
    return go("/on-call", said="standin_over")


def _page(request: Request, visitor: Caller, *, wrong: str = "", status: int = 200) -> HTMLResponse:
    context = context_of(request)
    now = context.clock.now()
    with context.database.system() as connection:
        on_duty = duty.on_duty(connection, now, gap_days=context.settings.oncall.gap_days, tenant=visitor.tenant)
        overrides = schedules.overrides(connection, visitor.tenant, since=now)
        known = roster.names(connection, {one for found in overrides for one in found.override.people})
        rules = [
            (one, [[policies.told(connection, target) for target in step.targets] for step in one.policy.steps])
            for one in policies.every(connection, visitor.tenant)
        ]
    return show(
        request, visitor, "oncall.html", section="oncall", status=status, on_duty=on_duty, overrides=overrides,
        known=known, policies=rules, everybody=EVERY_TENANT, wrong=wrong,
        mine=visitor.person.email if visitor.person else "",
    )  # fmt: skip
