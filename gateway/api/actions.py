"""`/api/ops/auth/actions`: mitigations by hand, through the same policy, plan, approval and ledger as every other.

What is asked for is a command (gateway/api/ordering.py). Its run freezes a plan of the actions under the role of
whoever asked, and asks for the approvals that policy wants; the incident's own runbook run then carries the plan out,
verifies it, and takes it back. Nothing here knows how an action is done.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from starlette.concurrency import run_in_threadpool

from gateway.api.answer import IdempotencyKey, known
from gateway.api.field import Json, Line, Prose
from gateway.api.ordering import TOLD, CommandView, carried_out, look, ordered, respond
from gateway.api.view import View
from gateway.auth import Scope
from gateway.caller import Caller, calling, stepped_up
from gateway.context import Context, context_of
from gateway.problem import Problem
from spine.action import ActionSpec
from spine.approval import ApprovalStatus
from spine.command import CLOSED, KEYS_ROLE, CommandKind, Wanted, judged_as
from spine.ids import ApprovalId
from spine.incident import Incident
from spine.plan import Gate, Risk
from spine.policy import ActionRequest, gate_for
from store.decide import decide
from store.read import incidents as incident_rows
from store.read.commands import Report, report
from store.read.incidents import IncidentFilter

router = APIRouter(prefix="/api/ops/auth/actions", tags=["auth"])
Reader = Annotated[Caller, Depends(calling(Scope.ACTIONS_WRITE, Scope.INCIDENTS_READ))]
Writer = Annotated[Caller, Depends(calling(Scope.ACTIONS_WRITE))]
_EXAMPLE: JsonDict = {
    "reason": "the throttle is not enough",
    "actions": [{"action": "ip.block", "targets": ["203.0.113.7/32"], "ttl_seconds": 1800}],
}
_SERIOUS = (Risk.HIGH, Risk.CRITICAL)


class WantedAction(BaseModel):
    """One action."""

    model_config = ConfigDict(extra="forbid")
    action: Line = Field(examples=["ip.block"], description="Its key; `GET /api/ops/auth/actions` lists them.")
    params: Json = Field(default_factory=dict)
    targets: list[Line] = Field(default_factory=list, max_length=1000, examples=[["203.0.113.7/32"]])
    ttl_seconds: float | None = Field(default=None, gt=0, le=31_536_000, description="null = the action's default.")


class ActionsAsked(BaseModel):
    """What is wanted, and why. Who wants it is told by the credentials."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    reason: Prose
    actions: list[WantedAction] = Field(min_length=1, max_length=20)
    incident_id: UUID | None = Field(
        default=None, description="Which incident it is for; may be left out while just one is under way."
    )


class ActionKind(View):
    """An action there is."""

    action: str = Field(examples=["ip.block"])
    title: str
    risk: str | None = Field(description="null = it depends on the parameters.")
    reversible: bool
    containment: bool = Field(description="It stays until two people end it.")
    max_targets: int
    targets: str = Field(description="What its targets are.")
    ttl_seconds: dict[str, float] | None = Field(description="min, default and max; null = nothing that would end.")
    params: dict[str, Any] = Field(description="JSON Schema of its parameters.")


@router.get("")
def list_actions(request: Request, caller: Reader) -> list[ActionKind]:
    """The actions that can be asked for, with their bounds."""
    policy = context_of(request).settings.policy
    return [_shown(spec, spec.ttl_bounds(policy)) for spec in context_of(request).actions().values()]


@router.post("", response_model=CommandView, responses=TOLD)
async def post_actions(
    request: Request, caller: Writer, asked: ActionsAsked, idempotency_key: IdempotencyKey = None
) -> Response:
    """Ask for actions on an incident: each is applied, blocked with the reason, or waits for an approval.

    Of people, high risk wants a second factor no older than five minutes (401 as RFC 9470 has it); what their own role
    may let through with one is then let through at once. A key shows none: what is more than low risk waits for people.
    202 = some of it is still being done: ask again where `Location` says.
    """
    context = context_of(request)
    wanted = tuple(Wanted(**one.model_dump()) for one in asked.actions)
    _check_bounds(context, wanted)
    if caller.person is not None and any(_wants_factor(context, caller, one) for one in wanted):
        stepped_up(caller, request)
    incident = await run_in_threadpool(_incident, context, caller, asked.incident_id)

    def check() -> None:
        if incident.status in CLOSED:
            raise Problem(409, "incident.over", f"It is {incident.status.value}: nothing acts on it any more.")
        if incident.synthetic:
            raise Problem(409, "incident.drill", "The incident is a drill's; its actions are the drill's own.")

    command = await ordered(
        request, caller, CommandKind.ACT, incident_id=incident.id, reason=asked.reason, actions=wanted, check=check,
        key=idempotency_key,
    )  # fmt: skip
    answer = await carried_out(request, caller, command)
    opened = await run_in_threadpool(_open_own_gates, context, caller, command.id, asked.reason)
    if not opened:
        return answer
    for approval in opened:
        await context.wake(approval)
    return respond(await look(context, caller, command.id, until=lambda found: found.settled))


@router.get("/{command_id}", response_model=CommandView, responses=TOLD)
def show_actions(request: Request, caller: Reader, command_id: UUID) -> Response:
    """What has become of what was asked for (of reverting and resolving, too)."""
    with context_of(request).database.tenant(caller.tenant) as connection:
        return respond(known(report(connection, command_id), "command"))


def _check_bounds(context: Context, wanted: tuple[Wanted, ...]) -> None:
    """Every way in which what is asked for breaks an action's bounds, at once.

    Raises:
        Problem: 422, with a pointer to each.
    """
    errors = list(_problems(context, wanted))
    if errors:
        raise Problem(422, "action.bounds", "Nothing was done: what was asked for is out of bounds.", errors=errors)


def _problems(context: Context, wanted: tuple[Wanted, ...]) -> Iterator[Mapping[str, str]]:
    specs, policy = context.actions(), context.settings.policy
    for index, one in enumerate(wanted):
        spec = specs.get(one.action)
        if spec is None:
            yield {"pointer": f"#/actions/{index}/action", "detail": f"there is no action {one.action!r}"}
            continue
        bounds = spec.ttl_bounds(policy)
        ttl = timedelta(seconds=one.ttl_seconds) if one.ttl_seconds else bounds.default if bounds else None
        for problem in spec.problems(one.params, one.targets, ttl, policy):
            yield {"pointer": f"#/actions/{index}", "detail": problem}


def _wants_factor(context: Context, caller: Caller, one: Wanted) -> bool:
    """True when `one` is of high risk, or the caller's role lets it through with a second factor."""
    spec = context.actions()[one.action]
    risk = spec.risk_of(spec.parse(one.params), one.targets)
    gate = gate_for(
        ActionRequest(
            role=_role(caller), risk=risk, environment=context.settings.env, reversible=spec.reversible,
            harmless=spec.harmless, containment=spec.containment, external=spec.external,
        )
    )  # fmt: skip
    return gate is Gate.STEP_UP or (risk in _SERIOUS and gate is not Gate.ALLOW)


def _role(caller: Caller) -> str:
    role = judged_as(caller.person.roles_in(caller.tenant)) if caller.person else KEYS_ROLE
    return role.value


def _incident(context: Context, caller: Caller, wanted: UUID | None) -> Incident:
    with context.database.tenant(caller.tenant) as connection:
        if wanted is not None:
            return known(incident_rows.incident(connection, wanted), "incident")
        live = incident_rows.incidents(connection, IncidentFilter(live=True), limit=5).items
    if len(live) == 1:
        return live[0]
    if not live:
        raise Problem(
            409, "incident.none", "No incident is under way, and an action belongs to one. "
            "Tell what you see with POST /api/ops/auth first.",
        )  # fmt: skip
    names = "; ".join(f"{one.id} ({one.title})" for one in live)
    raise Problem(409, "incident.several", f"Several incidents are under way: say which with `incident_id`. {names}")


def _open_own_gates(context: Context, caller: Caller, command: UUID, reason: str) -> list[UUID]:
    """Let through what the asker may let through alone, with the second factor they have just shown; by `decide`.

    Returns the approvals that were decided: their run is to be woken.
    """
    if caller.person is None or caller.account is None or caller.stepped_up_at is None:
        return []
    opened = []
    for approval in _own(context, caller, command):
        outcome = decide(
            context.database, approval, person=caller.account, vote="approve", via="api", reason=reason,
            stepped_up_at=caller.stepped_up_at, settings=context.settings, now=context.clock.now(),
            tenant=caller.tenant,
        )  # fmt: skip
        opened += [UUID(str(approval))] if outcome.counted else []
    return opened


def _own(context: Context, caller: Caller, command: UUID) -> list[ApprovalId]:
    """Approvals of the command that ask for nothing but the asker's own second factor."""
    assert caller.person is not None
    with context.database.tenant(caller.tenant) as connection:
        found: Report = known(report(connection, command), "command")
    asked = {one.approval.id: one.approval for one in found.actions if one.approval is not None}
    return [
        key
        for key, approval in asked.items()
        if approval.gate is Gate.STEP_UP
        and approval.status is ApprovalStatus.PENDING
        and approval.requested_by == caller.person.id
    ]


def _shown(spec: ActionSpec[Any], ttl: Any) -> ActionKind:
    return ActionKind(
        action=spec.key, title=spec.title, risk=None if callable(spec.risk) else spec.risk.value,
        reversible=spec.reversible, containment=spec.containment, max_targets=spec.max_targets,
        targets=spec.targets_noun if spec.max_targets else "",
        ttl_seconds={
            "min": ttl.min.total_seconds(), "default": ttl.default.total_seconds(), "max": ttl.max.total_seconds()
        } if ttl else None,
        params=spec.params.model_json_schema(),
    )  # fmt: skip
