"""The decision engine: from a diagnosed case to a frozen plan. Pure: same inputs, same `decision_id`."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from spine.case import Case, Diagnosis, Proposal
from spine.decision import confidence, proof
from spine.decision.plan_hash import decision_id, plan_hash
from spine.decision.planning import Actions, Setting, deny_all, flag_changes, plan
from spine.decision.rules import FlagState, Rules
from spine.plan import PEOPLE_ONLY, Decision, RollbackPlan, Step, Verb, VerifyCriteria
from spine.runbook import Runbook
from spine.severity import Severity
from spine.span import span
from spine.verdict import stop_condition

STALE_AFTER = timedelta(minutes=15)
"""A source that has been silent for the shortest window of detection leaves that window incomplete."""


def decide(
    case: Case,
    diagnosis: Diagnosis,
    runbook: Runbook,
    actions: Actions,
    *,
    rules: Rules,
    flags: Mapping[str, FlagState],
    wanted: Sequence[Proposal] | None = None,
) -> Decision:
    """What to do about `case`, and everything an approver needs to judge it.

    Args:
        actions: the registry, by key.
        flags: the base definitions of the tenant's flags now; a flag that is missing has none.
        wanted: what somebody wants by hand instead of what the runbook proposes. Bounds, guards and gates are the
            same, for the role of whoever wants it; how sure the engine is does not matter then.
    """
    addends = confidence.factors(case, diagnosis, rules.decision)
    sure = confidence.total(addends)
    by_hand = wanted is not None
    proposed = by_hand or diagnosis.cause_confirmed or sure >= rules.decision.propose_confidence
    proposals = tuple(runbook.propose(case, diagnosis) if case.firing else ()) if wanted is None else tuple(wanted)
    setting = Setting(case=case, diagnosis=diagnosis, actions=actions, rules=rules, flags=flags, confidence=sure)
    steps, denied = plan(proposals, setting) if proposed else ((), _too_unsure(proposals, setting))
    missing = _missing(case, diagnosis)
    if by_hand:
        verb = _told(steps, actions)
    else:
        verb = _answer(case, diagnosis, steps, denied, actions) if proposed else _waiting(case, missing)
    if verb is Verb.NO_ACTION:
        steps = ()
    criteria = _criteria(case, diagnosis, runbook, setting, steps) if steps else None
    steps = _stopping(steps, actions, criteria)
    content = {
        "decision": verb,
        "confidence": sure,
        "confidence_factors": addends,
        "steps": steps,
        "denied": denied,
        "recommended_flags": flag_changes(steps, actions, flags, case.incident.tenant_id),
        "rollback_plan": _rollback(steps, actions, runbook, criteria, case.now + _validity(rules)),
        "verify": criteria,
        "missing_evidence": missing,
    }
    return _assemble(case, diagnosis, runbook, rules, content=content)


def _assemble(case: Case, diagnosis: Diagnosis, runbook: Runbook, rules: Rules, *, content: dict[str, Any]) -> Decision:
    incident = case.incident
    refs = proof.evidence(case)
    ruleset, expires_at = f"{runbook.kind.value}/{runbook.version}", case.now + _validity(rules)
    signed = plan_hash(
        runbook=ruleset,
        policy_version=rules.policy.version,
        tenant=incident.tenant_id,
        incident=incident.id,
        environment=rules.environment,
        steps=content["steps"],
        verify=content["verify"],
        evidence=refs,
        expires_at=expires_at,
    )
    whole = {
        **content,
        "incident_id": incident.id,
        "type": incident.kind,
        "tenant": incident.tenant_id,
        "environment": rules.environment,
        "severity": incident.severity,
        "severity_label": incident.severity.label,
        "hypotheses": tuple(runbook.hypotheses(case, diagnosis)),
        "risks": runbook.risks,
        "evidence": refs,
        "receipts": proof.receipts(refs),
        "seen": case.seen,
        "policy_version": rules.policy.version,
        "ruleset_version": ruleset,
        "plan_hash": signed,
        "created_at": case.now,
        "expires_at": expires_at,
    }
    return Decision(decision_id=decision_id(incident.tenant_id, whole), **whole)


def _too_unsure(proposals: tuple[Proposal, ...], setting: Setting) -> tuple[Step, ...]:
    """Every step, denied: the engine is not sure enough to propose any."""
    steps, denied = plan(proposals, setting)
    least = setting.rules.decision.propose_confidence
    because = f"confidence {setting.confidence:.2f} is under {least:.2f}: nothing is proposed"
    return tuple(sorted((*denied, *deny_all(steps, "confidence", because)), key=lambda s: s.order))


def _criteria(
    case: Case, diagnosis: Diagnosis, runbook: Runbook, setting: Setting, steps: tuple[Step, ...]
) -> VerifyCriteria:
    """What the runbook holds the world against; captchas count where the incident makes people solve them."""
    criteria = runbook.criteria(case, diagnosis, setting.rules.verify)
    in_force = {*case.tried, *(s.action_key for s in steps)}
    if any(setting.actions[key].challenges for key in in_force if key in setting.actions):
        return criteria
    return criteria.model_copy(update={"max_captcha_abandoned": None})


def _stopping(steps: tuple[Step, ...], actions: Actions, criteria: VerifyCriteria | None) -> tuple[Step, ...]:
    """The steps with what they are stopped by: exactly what verification calls harm; containment by people alone."""
    if criteria is None:
        return steps
    harm = stop_condition(criteria)
    ends = {s.order: PEOPLE_ONLY if actions[s.action_key].containment else harm for s in steps if s.ttl is not None}
    return tuple(s.model_copy(update={"stop_if": ends[s.order]}) if s.order in ends else s for s in steps)


def _validity(rules: Rules) -> timedelta:
    return timedelta(minutes=rules.decision.plan_minutes)


def _waiting(case: Case, missing: tuple[str, ...]) -> Verb:
    """The answer when too little is certain to propose anything."""
    if not case.findings:
        return Verb.INSUFFICIENT_EVIDENCE
    if _idle(case):
        return Verb.NO_ACTION
    return Verb.INSUFFICIENT_EVIDENCE if missing else Verb.MONITOR


def _answer(
    case: Case, diagnosis: Diagnosis, steps: tuple[Step, ...], denied: tuple[Step, ...], actions: Actions
) -> Verb:
    """The answer when the evidence is good enough to act."""
    if _idle(case):
        return Verb.NO_ACTION
    effective = [s for s in steps if not actions[s.action_key].harmless]
    if not effective:
        stuck = denied or diagnosis.beyond
        return Verb.ESCALATE if stuck and case.incident.severity >= Severity.HIGH else Verb.MONITOR
    contained = any(actions[s.action_key].containment for s in effective)
    return Verb.CONTAIN if contained else Verb.MITIGATE


def _told(steps: tuple[Step, ...], actions: Actions) -> Verb:
    """The answer when somebody says what to do: all of it runs that may."""
    if not steps:
        return Verb.NO_ACTION
    return Verb.CONTAIN if any(actions[s.action_key].containment for s in steps) else Verb.MITIGATE


def _idle(case: Case) -> bool:
    return not case.firing or case.incident.severity is Severity.INFO


def _missing(case: Case, diagnosis: Diagnosis) -> tuple[str, ...]:
    found = [*diagnosis.missing, *(f"{key}, {gap}" for key in case.answers for gap in case.answers[key].missing)]
    if not case.findings:
        found.append("no detector has fired")
    if not case.readable:
        found.append(f"the last hour's {case.family.noun}, or who was known before, could not be read: no blast radius")
    if case.watermark is None:
        found.append("how far the tenant's events reach is unknown")
    elif case.now - case.watermark > STALE_AFTER:
        found.append(f"no event has arrived since {case.watermark:%Y-%m-%d %H:%M}Z: the window is incomplete")
    return tuple(found)


def _undone(step: Step, containment: bool) -> str:
    assert step.ttl is not None
    if containment:
        return f"{step.action_key} stays, and pages every {span(step.ttl)}, until people take it back"
    return f"revert {step.action_key}, by itself {span(step.ttl)} after it was applied"


def _rollback(
    steps: tuple[Step, ...],
    actions: Actions,
    runbook: Runbook,
    criteria: VerifyCriteria | None,
    last_start: datetime,
) -> RollbackPlan | None:
    """Newest first. The deadline: nothing holds longer than its lease, whenever within the plan it began."""
    if criteria is None:
        return None
    undone = [s for s in reversed(steps) if s.ttl is not None]
    ending = [s.ttl for s in undone if s.ttl is not None and not actions[s.action_key].containment]
    return RollbackPlan(
        trigger=stop_condition(criteria) if ending or not undone else PEOPLE_ONLY,
        steps=tuple(_undone(s, actions[s.action_key].containment) for s in undone),
        owner=runbook.owner,
        deadline=last_start + max(ending) if ending else None,
        irreversible=tuple(s.action_key for s in steps if not s.reversible and not actions[s.action_key].harmless),
    )
