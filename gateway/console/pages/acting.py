"""What people do about an incident: take it, note, mitigate by hand, take back, end it.

Each is done by the very function that serves the API: one way in, two faces. What stands against it is shown beside
the form, with what was typed.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from gateway.api.actions import ActionsAsked, WantedAction, post_actions
from gateway.api.incidents import Ending, Note, Reason, add_note, resolve_incident
from gateway.api.mitigations import revert_mitigation
from gateway.caller import Caller
from gateway.console.page import HOME, go
from gateway.console.pages.incident import incident_page, known_incident
from gateway.console.show import reading
from gateway.console.visitor import Actor, Writer, person_of
from gateway.context import context_of
from gateway.problem import Problem
from store.oncall import acknowledge as store_acknowledge
from store.read import mitigations

router = APIRouter(include_in_schema=False)
Line = Annotated[str, Form(max_length=500)]
Lines = Annotated[str, Form(max_length=20_000)]
_INCIDENT = f"{HOME}/incidents/{{incident_id}}"
_GONE = frozenset({401, 403, 404})
"""Answers that are no matter of what was typed, a second factor excepted."""
_STEP_UP = "stepup.needed"


@router.post(f"{_INCIDENT}/acknowledge")
def acknowledge(request: Request, visitor: Writer, incident_id: UUID) -> Response:
    """Say that you take care of it."""
    context = context_of(request)
    with reading(request, visitor) as connection:
        known_incident(connection, incident_id)
    with context.database.system() as connection:
        done = store_acknowledge(connection, incident_id, person_of(visitor), "console", context.clock.now())
    if not done.new:
        status = 403 if done.refused else 409
        return incident_page(request, visitor, incident_id, status=status, wrong={"doing": done.sentence})
    return go(f"/incidents/{incident_id}", said="acknowledged")


@router.post(f"{_INCIDENT}/notes")
def note(request: Request, visitor: Writer, incident_id: UUID, text: Lines = "") -> Response:
    """Write a note into the timeline; secrets in it are taken out."""
    try:
        add_note(request, visitor, incident_id, Note(text=text))
    except (Problem, ValidationError) as problem:
        return _again(request, visitor, incident_id, "doing", problem)
    return go(f"/incidents/{incident_id}", said="noted")


@router.post(f"{_INCIDENT}/act")
async def act(
    request: Request,
    visitor: Actor,
    incident_id: UUID,
    action: Line = "",
    targets: Lines = "",
    params: Lines = "",
    minutes: Annotated[str, Form(max_length=8)] = "",
    reason: Line = "",
) -> Response:
    """Mitigate by hand: one action, behind the same bounds, guards and gates as the engine's."""
    typed = {"action": action, "targets": targets, "params": params, "minutes": minutes, "reason": reason}
    try:
        wanted = WantedAction(
            action=action.strip(), targets=_lines(targets), params=_params(params),
            ttl_seconds=float(minutes) * 60 if minutes.strip() else None,
        )  # fmt: skip
        asked = ActionsAsked(reason=reason, actions=[wanted], incident_id=incident_id)
        await post_actions(request, visitor, asked)
    except (Problem, ValueError) as problem:
        return await run_in_threadpool(_again, request, visitor, incident_id, "act", problem, typed)
    return go(f"/incidents/{incident_id}", said="commanded")


@router.post(f"{_INCIDENT}/resolve")
async def resolve(
    request: Request, visitor: Writer, incident_id: UUID, reason: Line = "", outcome: Line = "", cause: Line = ""
) -> Response:
    """End it: what it holds is taken back, what it asks is void."""
    try:
        ending = Ending.model_validate({"reason": reason, "outcome": outcome or None, "cause": cause or None})
        await resolve_incident(request, visitor, incident_id, ending)
    except (Problem, ValidationError) as problem:
        return await run_in_threadpool(_again, request, visitor, incident_id, "doing", problem)
    return go(f"/incidents/{incident_id}", said="resolving")


@router.post(f"{HOME}/mitigations/{{lease_id}}/revert")
async def revert(request: Request, visitor: Actor, lease_id: UUID, reason: Line = "") -> Response:
    """Take one mitigation back before its time."""
    incident_id = await run_in_threadpool(_incident_of, request, visitor, lease_id)
    try:
        await revert_mitigation(request, visitor, lease_id, Reason(reason=reason))
    except (Problem, ValidationError) as problem:
        return await run_in_threadpool(_again, request, visitor, incident_id, "doing", problem)
    return go(f"/incidents/{incident_id}", said="reverting")


def _incident_of(request: Request, visitor: Caller, lease_id: UUID) -> UUID:
    with reading(request, visitor) as connection:
        lease = mitigations.mitigation(connection, lease_id)
    if lease is None:
        raise Problem(404, "lease.unknown", "There is no such mitigation in this tenant.")
    return lease.incident_id


def _again(
    request: Request,
    visitor: Caller,
    incident_id: UUID,
    form: str,
    error: Exception,
    typed: Mapping[str, str] | None = None,
) -> Response:
    """The incident's page with what stood against it beside the form.

    Raises:
        Problem: it has nothing to do with what was typed.
    """
    if isinstance(error, Problem):
        needs_factor = error.code == _STEP_UP
        if error.status in _GONE and not needs_factor:
            raise error
        told = " ".join([error.detail, *(f"{one['detail']}." for one in error.errors)])
        status = 403 if needs_factor else error.status
    else:
        status, told = 422, _wrong(error)
    return incident_page(
        request, visitor, incident_id, status=status, wrong={form: told}, typed=dict(typed or {}),
        factor=isinstance(error, Problem) and error.code == _STEP_UP,
    )  # fmt: skip


def _wrong(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
    return "A parameter stands on a line as `name = value`, and minutes are a number above nought."


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _params(text: str) -> dict[str, Any]:
    """`name = value` a line; a value that is JSON is read as such, else it is text."""
    found: dict[str, Any] = {}
    for line in _lines(text):
        name, sign, value = line.partition("=")
        if not sign or not name.strip():
            raise ValueError(line)
        try:
            found[name.strip()] = json.loads(value)
        except json.JSONDecodeError:
            found[name.strip()] = value.strip()
    return found
