"""From proposals to steps: each is examined, gets its gate, or is denied with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spine.action import ActionSpec
from spine.case import Case, Diagnosis, Proposal
from spine.decision.examine import Examination, examine
from spine.decision.rules import FlagState, Rules
from spine.plan import FlagChange, Gate, GuardResult, Risk, Step
from spine.policy import ActionRequest, Ruling, rule

Actions = Mapping[str, ActionSpec[Any]]
NO_FLAG = FlagState(version=0, value=None)
"""A flag that has no base definition yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all steps of one plan are judged by."""

    case: Case
    diagnosis: Diagnosis
    actions: Actions
    rules: Rules
    flags: Mapping[str, FlagState]
    confidence: float


def plan(proposals: tuple[Proposal, ...], setting: Setting) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """The steps that may run behind their gates, and those denied. Both keep their place in the ladder."""
    kept: list[Step] = []
    denied: list[Step] = []
    orders: dict[str, int] = {}
    for order, proposal in enumerate(proposals, 1):
        step = _step(order, proposal, setting, orders)
        if step.gate is Gate.DENY:
            denied.append(step)
        else:
            kept.append(step)
            orders[step.action_key] = order
    return tuple(kept), tuple(denied)


def deny_all(steps: tuple[Step, ...], name: str, because: str) -> tuple[Step, ...]:
    """The same steps, denied for a reason that has nothing to do with any one of them."""
    result = GuardResult(name=name, passed=False, because=because)
    return tuple(s.model_copy(update={"gate": Gate.DENY, "guard_results": (*s.guard_results, result)}) for s in steps)


def flag_changes(
    steps: tuple[Step, ...], actions: Actions, flags: Mapping[str, FlagState], tenant: str
) -> tuple[FlagChange, ...]:
    """The flags these steps would hold."""
    return tuple(
        FlagChange(
            key=step.flag_key,
            from_value=flags.get(step.flag_key, NO_FLAG).value,
            to_value=actions[step.action_key].variant_of(actions[step.action_key].parse(step.params)),
            scope=f"tenant {tenant}"
            + (f", {len(step.targets)} {actions[step.action_key].targets_noun}" if step.targets else ""),
            ttl=step.ttl,
            expected_version=flags.get(step.flag_key, NO_FLAG).version,
        )
        for step in steps
        if step.flag_key is not None and step.ttl is not None
    )


def _step(order: int, proposal: Proposal, setting: Setting, orders: Mapping[str, int]) -> Step:
    """`orders`: the place of every earlier step that was kept."""
    spec = setting.actions.get(proposal.action_key)
    if spec is None:
        return _refused(order, proposal, "registry", f"no action is called {proposal.action_key}")
    missing = [key for key in proposal.after if key not in orders]
    if missing:
        because = f"needs {', '.join(missing)} first, which is not part of the plan"
        return _refused(order, proposal, "depends_on", because)
    bounds = spec.ttl_bounds(setting.rules.policy)
    ttl = proposal.ttl or (bounds.default if bounds else None)
    found = examine(spec, setting.case, setting.rules, params=proposal.params, targets=proposal.targets, ttl=ttl)
    risk = _risk(spec, proposal, found)
    ruling = _ruling(spec, risk, found, setting)
    state = setting.flags.get(spec.flag_key, NO_FLAG) if spec.flag_key else None
    policy = GuardResult(name="policy", passed=ruling.gate is not Gate.DENY, because=ruling.because)
    return Step(
        order=order,
        action_key=spec.key,
        params=spec.parse(proposal.params).model_dump(mode="json") if _valid(found) else dict(proposal.params),
        targets=proposal.targets,
        coverage=proposal.coverage,
        ttl=ttl,
        risk=risk,
        reversible=spec.reversible,
        gate=ruling.gate,
        guard_results=(*found.results, policy),
        blast_radius=found.blast_radius,
        flag_key=spec.flag_key,
        expected_version=state.version if state else None,
        depends_on=tuple(orders[key] for key in proposal.after),
        verify=proposal.verify,
    )


def _ruling(spec: ActionSpec[Any], risk: Risk, found: Examination, setting: Setting) -> Ruling:
    rules, diagnosis = setting.rules, setting.diagnosis
    return rule(
        ActionRequest(
            role=rules.role,
            risk=risk,
            environment=rules.environment,
            tenants=rules.tenants,
            reversible=spec.reversible,
            harmless=spec.harmless,
            containment=spec.containment,
            pre_authorised=spec.pre_authorised and diagnosis.cause_confirmed,
            external=spec.external,
            guards_passed=found.passed,
            confidence=setting.confidence,
            automatic_confidence=rules.decision.automatic_confidence,
            undrilled=rules.undrilled,
            suppressed=setting.case.incident.suppressed_by is not None and not diagnosis.unsuppressible,
        )
    )


def _valid(found: Examination) -> bool:
    return all(r.name != "bounds" for r in found.results)


def _risk(spec: ActionSpec[Any], proposal: Proposal, found: Examination) -> Risk:
    """Of parameters out of bounds nothing good is assumed."""
    return spec.risk_of(spec.parse(proposal.params), proposal.targets) if _valid(found) else Risk.CRITICAL


def _refused(order: int, proposal: Proposal, name: str, because: str) -> Step:
    return Step(
        order=order,
        action_key=proposal.action_key,
        params=dict(proposal.params),
        targets=proposal.targets,
        ttl=proposal.ttl,
        risk=Risk.CRITICAL,
        gate=Gate.DENY,
        guard_results=(GuardResult(name=name, passed=False, because=because),),
    )
