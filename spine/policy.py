"""Policy: who needs what before an action runs. Source: RUNBOOKS 4.

Two questions: which gate stands before an action (`rule`), and who may open it (`may_decide`).
Whatever is unknown is denied.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from spine.person import Role
from spine.plan import Gate, Risk

ENVIRONMENTS = frozenset({"dev", "staging", "prod"})
EVERY_TENANT_COUNT = 11
"""Reaching more than ten tenants counts as reaching all of them."""
RATIFY_WITHIN = timedelta(minutes=30)
"""A break-glass action must be ratified within this."""


def _row(low: Gate, medium: Gate, high: Gate, critical: Gate) -> Mapping[Risk, Gate]:
    return MappingProxyType({Risk.LOW: low, Risk.MEDIUM: medium, Risk.HIGH: high, Risk.CRITICAL: critical})


_NEVER = _row(Gate.DENY, Gate.DENY, Gate.DENY, Gate.DENY)
_COMMANDER = _row(Gate.ALLOW, Gate.STEP_UP, Gate.STEP_UP, Gate.TWO_PERSON)
MATRIX: Mapping[Role, Mapping[Risk, Gate]] = MappingProxyType(
    {
        Role.VIEWER: _NEVER,
        Role.SUPPORT: _NEVER,
        Role.ENGINE: _row(Gate.ALLOW, Gate.APPROVE, Gate.APPROVE, Gate.TWO_PERSON),
        Role.RESPONDER: _row(Gate.ALLOW, Gate.STEP_UP, Gate.APPROVE, Gate.TWO_PERSON),
        Role.INCIDENT_COMMANDER: _COMMANDER,
        Role.SECURITY_ADMIN: _COMMANDER,
        Role.BREAK_GLASS: _row(Gate.STEP_UP, Gate.STEP_UP, Gate.STEP_UP, Gate.STEP_UP),
    }
)
"""Gates in production, for one tenant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """An action somebody (or the engine) wants to run, as far as policy cares."""

    role: str
    risk: Risk | None
    """None = the action is not in the registry."""
    environment: str
    tenants: int | None = 1
    """How many tenants it reaches; None = all."""
    reversible: bool = True
    harmless: bool = False
    """It only tells or records (notify, snapshot), so that irreversible does not matter."""
    containment: bool = False
    pre_authorised: bool = False
    """The registry lets it run without a gate, and its cause is confirmed."""
    external: bool = False
    """It changes a system other than our own store."""
    guards_passed: bool = True
    cross_tenant: bool = False
    """The actor belongs to another tenant than the one acted upon."""
    confidence: float = 0.0
    """Of the engine's decision; people need none."""
    automatic_confidence: float = 0.8
    undrilled: str = ""
    """Why nothing may be automatic any more although the matrix allows it: its runbook is not rehearsed; "" = it is."""
    suppressed: bool = False
    """A maintenance, deploy or load-test window holds back whatever would be automatic."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """The gate, why it is that one, and what follows from passing it."""

    gate: Gate
    because: str
    page_all: bool = False
    ratify_within: timedelta | None = None


def rule(request: ActionRequest) -> Ruling:
    """The gate before `request`; DENY for everything unknown."""
    refusal = _refusal(request)
    if refusal is not None:
        return Ruling(Gate.DENY, refusal)
    assert request.risk is not None
    role = Role(request.role)
    if request.pre_authorised:
        return Ruling(Gate.ALLOW, "pre-authorised by the registry, its cause is confirmed")
    gate, because = _cell(request, role)
    if gate is Gate.DENY:
        return Ruling(gate, because)
    gate, because = _in_environment(request, gate, because)
    gate, because = _for_scope(request, gate, because)
    gate, because = _for_engine(request, role, gate, because)
    if role is Role.BREAK_GLASS:
        return Ruling(gate, because, page_all=True, ratify_within=RATIFY_WITHIN)
    return Ruling(gate, because)


def gate_for(request: ActionRequest) -> Gate:
    """`rule(request).gate`, for callers that need no reason."""
    return rule(request).gate


def may_decide(roles: Collection[Role], gate: Gate, risk: Risk, *, containment: bool, affected: bool) -> bool:
    """True when somebody with `roles` may say yes to an action of `risk` behind `gate`.

    Who says yes alone must be trusted to do the same with no more than a second factor; for one of two
    votes it is enough that their row admits the action at all. `affected` (the account under attack or
    suspicion is their own) never may.
    """
    if affected or gate is Gate.DENY:
        return False
    enough = Gate.TWO_PERSON if gate is Gate.TWO_PERSON else Gate.STEP_UP
    return any(
        MATRIX[role][risk] <= enough
        for role in roles
        if role is not Role.ENGINE and not (role is Role.BREAK_GLASS and risk is Risk.CRITICAL and not containment)
    )


def may_refuse(roles: Collection[Role]) -> bool:
    """True when somebody with `roles` may say no: whoever may act at all. Saying no is always safe."""
    return any(role is not Role.ENGINE and MATRIX[role][Risk.LOW] is not Gate.DENY for role in roles)


def votes_needed(gate: Gate) -> int:
    """How many different people must say yes.

    Raises:
        ValueError: no number of votes opens a denied gate.
    """
    if gate is Gate.DENY:
        raise ValueError("a denied action cannot be approved")
    return {Gate.ALLOW: 0, Gate.STEP_UP: 1, Gate.APPROVE: 1, Gate.TWO_PERSON: 2}[gate]


def requester_may_vote(gate: Gate) -> bool:
    """True when whoever asks may open the gate themselves: only a step-up asks for no other person."""
    return gate <= Gate.STEP_UP


def _refusal(request: ActionRequest) -> str | None:
    tenants = request.tenants
    reasons = {
        f"the role {request.role[:40]!r} is unknown": request.role not in set(Role),
        "the action is not in the registry": request.risk is None,
        f"the environment {request.environment[:40]!r} is unknown": request.environment not in ENVIRONMENTS,
        f"a scope of {tenants} tenants makes no sense": tenants is not None and tenants < 1,
        "the actor belongs to another tenant": request.cross_tenant,
        "a guard did not pass": not request.guards_passed,
        "systems outside are not touched from dev": request.external and request.environment == "dev",
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _cell(request: ActionRequest, role: Role) -> tuple[Gate, str]:
    assert request.risk is not None
    gate = MATRIX[role][request.risk]
    because = f"{role.value}, {request.risk.value} risk: {gate.label}"
    if role in (Role.INCIDENT_COMMANDER, Role.SECURITY_ADMIN) and request.risk is Risk.HIGH and not request.reversible:
        return Gate.APPROVE, f"{because}, raised to approve because it cannot be undone"
    if role is Role.BREAK_GLASS and request.risk is Risk.CRITICAL and not request.containment:
        return Gate.DENY, "break-glass reaches critical actions only to contain"
    return gate, because


def _in_environment(request: ActionRequest, gate: Gate, because: str) -> tuple[Gate, str]:
    if request.environment == "dev":
        return Gate.ALLOW, f"{because}; dev allows it"
    if request.environment == "staging":
        floor = Gate.STEP_UP if request.risk is Risk.CRITICAL else Gate.ALLOW
        return max(Gate(max(gate - 1, 0)), floor), f"{because}; one gate lower in staging"
    return gate, because


def _for_scope(request: ActionRequest, gate: Gate, because: str) -> tuple[Gate, str]:
    if request.tenants == 1:
        return gate, because
    everybody = request.tenants is None or request.tenants >= EVERY_TENANT_COUNT
    wider = Gate(min(gate + (2 if everybody else 1), Gate.TWO_PERSON))
    whom = "all tenants" if request.tenants is None else f"{request.tenants} tenants"
    return wider, f"{because}; {wider.label} because it reaches {whom}"


def _for_engine(request: ActionRequest, role: Role, gate: Gate, because: str) -> tuple[Gate, str]:
    """What is automatic needs confidence, a way back, and no suppression window."""
    if role is not Role.ENGINE or gate is not Gate.ALLOW:
        return gate, because
    if request.suppressed and not request.harmless:
        return Gate.APPROVE, f"{because}; approve because a suppression window is open"
    if request.undrilled and not request.harmless:
        return Gate.APPROVE, f"{because}; approve because {request.undrilled}"
    if not (request.reversible or request.harmless):
        return Gate.APPROVE, f"{because}; approve because it cannot be undone"
    if not request.confidence >= request.automatic_confidence:
        return Gate.APPROVE, f"{because}; approve because confidence {request.confidence:.2f} is too low"
    return gate, because
