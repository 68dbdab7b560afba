"""`POST /api/ops/auth`: an application tells what it sees, and hears what the spine makes of it.

What is told is evidence like any other: its events are taken in as by `POST /api/ops/events`, the same detectors judge
it, and what they find opens (or adds to) an incident in the store, with its audit entry and its notifications. The
decision is not made here: the incident's runbook run is started by name, makes the one plan there is from everything
the store knows, freezes it, and that frozen plan is what is answered. Whoever reads it reads what will happen.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

from asgi_correlation_id import correlation_id
from fastapi import APIRouter, Depends, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict
from starlette.concurrency import run_in_threadpool

from gateway import ratelimit
from gateway.api.field import Json, Line
from gateway.api.view import IncidentView, View
from gateway.auth import Scope
from gateway.caller import Caller, calling
from gateway.context import Context, context_of
from gateway.problem import Problem, pointer
from spine.auth_event import MetricsSnapshot
from spine.deployment import deployment_of
from spine.detect.told import events_of, told
from spine.errors import Refused, Transient
from spine.event import Event, parse_event
from spine.family import FAMILIES
from spine.finding import Finding
from spine.hook import EventsTaken, Hook
from spine.incident import Incident, IncidentKind
from spine.severity import Severity
from store import incidents
from store.hooks import told_openings
from store.idempotency import begin, finish, give_up
from store.ingest import ingest
from store.read import incidents as rows

router = APIRouter(prefix="/api/ops/auth", tags=["auth"])
Teller = Annotated[Caller, Depends(calling(Scope.EVENTS_WRITE))]
_OLDEST = timedelta(hours=1)
_AHEAD = timedelta(minutes=5)
_LOOK_SECONDS = 0.15
_EXAMPLE: JsonDict = {
    "event_id": "checkout-42",
    "incident_type": "FAILED_LOGINS_SPIKE",
    "occurred_at": "2026-11-23T03:04:05Z",
    "metrics_snapshot": {"failures_15m": 900, "successes_15m": 30, "users_15m": 250, "usual_failures_per_hour": 40},
}


class AuthEvent(BaseModel):
    """What somebody saw, and when. The tenant is the key's."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    event_id: Line = Field(description="Told again with the same id, it is the same event.")
    incident_type: IncidentKind | None = Field(default=None, description="What you take it for; null = logins.")
    severity_guess: int | None = Field(
        default=None, ge=0, le=3, description="0 info … 3 critical. A guess may raise the severity, never lower it."
    )
    occurred_at: AwareDatetime = Field(description="Within the last hour.")
    metrics_snapshot: Json = Field(
        default_factory=dict,
        description="`events` (as for POST /api/ops/events, with ids of your own where you have them), or the counts"
        " `failures_15m`, `successes_15m`, `users_15m`; `usual_failures_per_hour`, `known_users`, `known_addresses`.",
    )


class Detected(View):
    """One incident that the event opened or added to, and what is to be done about it."""

    incident: IncidentView
    decision: str | None = Field(description="MITIGATE, CONTAIN, MONITOR, ESCALATE …; null = not decided yet.")
    plan: dict[str, Any] | None = Field(description="The frozen plan: what approvals sign and what will run.")


class AuthAnswer(View):
    """What the spine makes of it: of the gravest incident at the top, of each one below."""

    event_id: str
    decision: str | None = Field(
        examples=["MITIGATE"], description="NO_ACTION when nothing crossed its line; null = not decided yet."
    )
    steps: list[dict[str, Any]] = []
    recommended_flags: list[dict[str, Any]] = []
    rollback_plan: dict[str, Any] | None = None
    incidents: list[Detected] = []


@router.post("", responses={202: {"model": AuthAnswer, "description": "Detected, and not decided yet: tell it again."}})
async def post_auth(request: Request, caller: Teller, event: AuthEvent) -> AuthAnswer:
    """Tell what you see. Answers the incidents it opened or added to, with their decision and plan.

    Idempotent by `event_id`: told again it is answered with what has been decided meanwhile.
    """
    if Scope.INCIDENTS_READ not in caller.scopes:
        raise Problem(403, "key.scope", f"{caller.actor} lacks the scope 'incidents:read', and the answer needs it.")
    context = context_of(request)
    found, news = await run_in_threadpool(_take, context, caller, event)
    started = False
    for incident in news:
        parameters = {"incident_id": str(incident.id), "request_id": correlation_id.get()}
        started |= await context.start(deployment_of(incident.kind), parameters, str(incident.id))
    answer = await _decided(context, caller, event.event_id, found, wait=started)
    status = 200 if answer.decision is not None else 202
    return JSONResponse(jsonable_encoder(answer), status)  # type: ignore[return-value]


def _take(context: Context, caller: Caller, event: AuthEvent) -> tuple[list[UUID], list[Incident]]:
    """The incidents of the event, and those of them whose runbook is to be started."""
    now, key = context.clock.now(), f"ops-auth:{event.event_id}"
    if not now - _OLDEST <= event.occurred_at <= now + _AHEAD:
        raise _unfit("occurred_at", "not within the last hour: nothing is detected in hindsight; send the events")
    try:
        with context.database.tenant(caller.tenant) as connection:
            digest = sha256(event.model_dump_json().encode()).digest()
            turn = begin(connection, caller.tenant, key, digest, now=now)
    except Refused as error:
        raise _unfit("event_id", "used before, for an event that said something else") from error
    except Transient as error:
        raise Problem(409, "idempotency.busy", str(error), headers={"Retry-After": "1"}) from error
    if turn.response is not None:
        return [UUID(one) for one in turn.response["incidents"]], []
    try:
        openings = _record(context, caller, event)
    except Exception:
        with context.database.tenant(caller.tenant) as connection:
            give_up(connection, caller.tenant, key)
        raise
    found = [opening.incident.id for opening in openings]
    with context.database.tenant(caller.tenant) as connection:
        finish(connection, caller.tenant, key, {"incidents": [str(one) for one in found]})
    return list(found), [one.incident for one in openings if one.is_new and one.incident.flow_run_id is None]


def _record(context: Context, caller: Caller, event: AuthEvent) -> list[incidents.Opening]:
    """Evidence into the store, findings into incidents."""
    kind = event.incident_type or IncidentKind.FAILED_LOGINS_SPIKE
    if kind not in FAMILIES:
        raise _unfit("incident_type", "this kind is found by the spine alone")
    snapshot = _snapshot(event)
    findings = _findings(context, caller, event, kind, snapshot)
    _ingest(context, caller, event, snapshot)
    settings, now = context.settings, context.clock.now()
    with context.database.system() as connection:
        openings = incidents.record(connection, findings, now, detect=settings.detect, notify=settings.notify)
    told_openings(context.listeners, openings)
    return openings


def _snapshot(event: AuthEvent) -> MetricsSnapshot:
    try:
        return MetricsSnapshot.model_validate(event.metrics_snapshot)
    except ValidationError as error:
        errors = [
            {"pointer": pointer(("metrics_snapshot", *one["loc"])), "detail": one["msg"]} for one in error.errors()
        ]
        raise Problem(422, "input.invalid", "The snapshot does not have the expected form.", errors=errors) from error


def _findings(
    context: Context, caller: Caller, event: AuthEvent, kind: IncidentKind, snapshot: MetricsSnapshot
) -> list[Finding]:
    try:
        events = events_of(snapshot, caller.tenant, event.occurred_at)
    except Refused as error:
        raise _unfit("metrics_snapshot/events", str(error)) from error
    found: Sequence[Finding] = told(snapshot, events, kind, caller.tenant, event.occurred_at, context.settings)
    guess = Severity(event.severity_guess or 0)
    return [
        replace(one, severity=max(one.severity, guess if one.margin >= 1 else Severity.INFO),
                last_event_at=one.last_event_at or event.occurred_at)
        for one in found
    ]  # fmt: skip


def _ingest(context: Context, caller: Caller, event: AuthEvent, snapshot: MetricsSnapshot) -> None:
    """The snapshot's events, as events like any other; one without an id gets one of this event's."""
    parsed = [
        parse_event({"id": f"{event.event_id}:{index}", **raw}, now=event.occurred_at, tenant=caller.tenant)
        for index, raw in enumerate(snapshot.events or ())
    ]
    ratelimit.by_events(context, f"{caller.tenant} {caller.actor}", len(parsed))
    good = [one for one in parsed if isinstance(one, Event)]
    located = [context.geo.event(one) for one in good] if context.geo else good
    if located:
        ingest(context.database, caller.tenant, located)
        context.listeners.observe(Hook.ON_EVENT, EventsTaken(tenant=caller.tenant, events=tuple(located)))


async def _decided(context: Context, caller: Caller, event_id: str, found: list[UUID], *, wait: bool) -> AuthAnswer:
    """The answer once every incident has its plan, or after `gateway.answer_seconds`."""

    def read() -> AuthAnswer:
        with context.database.tenant(caller.tenant) as connection:
            shown = [one for key in found if (one := rows.incident(connection, key)) is not None]
            plans = {one.id: rows.plan(connection, one.id) for one in shown}
        shown.sort(key=lambda one: (-one.severity, one.opened_at))
        return _answer(event_id, shown, plans)

    deadline = asyncio.get_running_loop().time() + context.settings.gateway.answer_seconds
    while True:
        answer = await run_in_threadpool(read)
        undecided = any(one.decision is None for one in answer.incidents)
        if not (wait and undecided) or asyncio.get_running_loop().time() >= deadline:
            return answer
        await asyncio.sleep(_LOOK_SECONDS)


def _answer(event_id: str, shown: list[Incident], plans: dict[Any, dict[str, Any] | None]) -> AuthAnswer:
    detected = [
        Detected(
            incident=IncidentView.of(one), plan=(plan := plans[one.id]), decision=plan["decision"] if plan else None
        )
        for one in shown
    ]
    if not detected:
        return AuthAnswer(event_id=event_id, decision="NO_ACTION")
    gravest = detected[0].plan or {}
    return AuthAnswer(
        event_id=event_id, decision=detected[0].decision, steps=gravest.get("steps", []),
        recommended_flags=gravest.get("recommended_flags", []), rollback_plan=gravest.get("rollback_plan"),
        incidents=detected,
    )  # fmt: skip


def _unfit(pointer: str, detail: str) -> Problem:
    return Problem(
        422, "event.unfit", f"Nothing was taken in: {pointer.replace('/', '.')}: {detail}.",
        errors=[{"pointer": f"#/{pointer}", "detail": detail}],
    )  # fmt: skip
