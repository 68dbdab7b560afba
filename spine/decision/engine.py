"""The decision engine: from a diagnosed case to a frozen plan. Pure: same inputs, same `decision_id`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from spine.case import Case, Diagnosis
from spine.decision import confidence, proof
from spine.decision.plan_hash import decision_id, plan_hash
from spine.decision.planning import Actions, Setting, deny_all, flag_changes, plan
from spine.decision.rules import FlagState, Rules
from spine.plan import Decision, RollbackPlan, Step, Verb
from spine.runbook import Runbook
from spine.severity import Severity
from spine.span import span

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
) -> Decision:
    """What to do about `case`, and everything an approver needs to judge it.

    Args:
        actions: the registry, by key.
        flags: the base definitions of the tenant's flags now; a flag that is missing has none.
    """
    addends = confidence.factors(case, diagnosis, rules.decision)
    sure = confidence.total(addends)
    proposed = sure >= rules.decision.propose_confidence
    proposals = tuple(runbook.propose(case, diagnosis)) if case.firing else ()
    setting = Setting(case=case, diagnosis=diagnosis, actions=actions, rules=rules, flags=flags, confidence=sure)
    steps, denied = plan(proposals, setting)
    if not proposed:
        because = f"confidence {sure:.2f} is under {rules.decision.propose_confidence:.2f}: nothing is proposed"
        denied = tuple(sorted((*denied, *deny_all(steps, "confidence", because)), key=lambda s: s.order))
        steps = ()
    missing = _missing(case, diagnosis)
    verb = _answer(case, steps, denied, actions) if proposed else _waiting(case, missing)
    if verb is Verb.NO_ACTION:
        steps = ()
    return _assemble(
        case,
        diagnosis,
        runbook,
        rules,
        content={
            "decision": verb,
            "confidence": sure,
            "confidence_factors": addends,
            "steps": steps,
            "denied": denied,
            "recommended_flags": flag_changes(steps, actions, flags, case.incident.tenant_id),
            "rollback_plan": _rollback(steps, actions, runbook, case.now + _validity(rules)),
            "missing_evidence": missing,
        },
    )


def _assemble(case: Case, diagnosis: Diagnosis, runbook: Runbook, rules: Rules, *, content: dict[str, Any]) -> Decision:
    incident = case.incident
    refs = proof.evidence(case)
    criteria = runbook.criteria(case, diagnosis, rules.verify) if content["steps"] else None
    ruleset, expires_at = f"{runbook.kind.value}/{runbook.version}", case.now + _validity(rules)
    signed = plan_hash(
        runbook=ruleset,
        policy_version=rules.policy.version,
        tenant=incident.tenant_id,
        incident=incident.id,
        environment=rules.environment,
        steps=content["steps"],
        verify=criteria,
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
        "verify": criteria,
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


def _validity(rules: Rules) -> timedelta:
    return timedelta(minutes=rules.decision.plan_minutes)


def _waiting(case: Case, missing: tuple[str, ...]) -> Verb:
    """The answer when too little is certain to propose anything."""
    if not case.findings:
        return Verb.INSUFFICIENT_EVIDENCE
    if _idle(case):
        return Verb.NO_ACTION
    return Verb.INSUFFICIENT_EVIDENCE if missing else Verb.MONITOR


def _answer(case: Case, steps: tuple[Step, ...], denied: tuple[Step, ...], actions: Actions) -> Verb:
    """The answer when the evidence is good enough to act."""
    if _idle(case):
        return Verb.NO_ACTION
    effective = [s for s in steps if not actions[s.action_key].harmless]
    if not effective:
        return Verb.ESCALATE if denied and case.incident.severity >= Severity.HIGH else Verb.MONITOR
    contained = any(actions[s.action_key].containment for s in effective)
    return Verb.CONTAIN if contained else Verb.MITIGATE


def _idle(case: Case) -> bool:
    return not case.firing or case.incident.severity is Severity.INFO


def _missing(case: Case, diagnosis: Diagnosis) -> tuple[str, ...]:
    found = list(diagnosis.missing)
    if not case.findings:
        found.append("no detector has fired")
    if not case.readable:
        found.append("the last hour's logins, or who was known before, could not be read: no blast radius")
    if case.watermark is None:
        found.append("how far the tenant's events reach is unknown")
    elif case.now - case.watermark > STALE_AFTER:
        found.append(f"no event has arrived since {case.watermark:%Y-%m-%d %H:%M}Z: the window is incomplete")
    return tuple(found)


def _rollback(steps: tuple[Step, ...], actions: Actions, runbook: Runbook, last_start: datetime) -> RollbackPlan | None:
    """Newest first. The deadline: nothing holds longer than its lease, whenever within the plan it began."""
    if not steps:
        return None
    undone = [s for s in reversed(steps) if s.ttl is not None]
    return RollbackPlan(
        trigger=runbook.rollback_trigger,
        steps=tuple(f"revert {s.action_key}, by itself {span(s.ttl)} after it was applied" for s in undone if s.ttl),
        owner=runbook.owner,
        deadline=last_start + max(s.ttl for s in undone if s.ttl is not None) if undone else None,
        irreversible=tuple(s.action_key for s in steps if not s.reversible and not actions[s.action_key].harmless),
    )
