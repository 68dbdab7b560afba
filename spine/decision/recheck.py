"""What voids an approval at the moment of execution. Counts that moved on do not."""

from collections.abc import Mapping
from datetime import datetime

from spine.case import Case
from spine.decision.examine import examine
from spine.decision.plan_hash import of_decision
from spine.decision.planning import NO_FLAG, Actions
from spine.decision.rules import FlagState, Rules
from spine.incident import Incident, IncidentStatus
from spine.plan import Decision, Gate, Step

ENDED = frozenset({IncidentStatus.RESOLVED, IncidentStatus.ROLLING_BACK, IncidentStatus.ESCALATED})
"""An incident that stands here wants no further action."""


def recheck(
    decision: Decision,
    step: Step,
    *,
    fresh: Case,
    actions: Actions,
    rules: Rules,
    flags: Mapping[str, FlagState],
    now: datetime,
) -> list[str]:
    """Every reason why `step`, as it is about to run, may not run under `decision`; [] = go.

    Args:
        step: what is about to run, re-read from where execution takes it.
        fresh: the case with logins and look-ups of this moment, and the incident as it is now.
    """
    found = [*_plan_problems(decision, now), *_incident_problems(decision, fresh.incident)]
    signed = next((s for s in decision.steps if s.order == step.order), None)
    if signed is None:
        return [*found, f"step {step.order} is not part of the plan"]
    found += _changes(signed, step)
    if signed.gate is Gate.DENY:
        found.append(f"{step.action_key} was denied")
    spec = actions.get(step.action_key)
    if spec is None:
        return [*found, f"no action is called {step.action_key}"]
    if step.flag_key is not None:
        found += _flag_problems(step, flags)
    again = examine(spec, fresh, rules, params=step.params, targets=step.targets, ttl=step.ttl)
    return [*found, *(f"guard {r.name}: {r.because}" for r in again.results if r.passed is not True)]


def _plan_problems(decision: Decision, now: datetime) -> list[str]:
    found = []
    if now >= decision.expires_at:
        found.append(f"the plan expired at {decision.expires_at:%H:%M:%S}Z")
    if of_decision(decision) != decision.plan_hash:
        found.append("the plan is not the one that was signed: its hash differs")
    return found


def _incident_problems(decision: Decision, incident: Incident) -> list[str]:
    if incident.id != decision.incident_id or incident.tenant_id != decision.tenant:
        return ["the plan belongs to another incident"]
    if incident.status in ENDED:
        return [f"the incident has ended: it is {incident.status.value}"]
    return []


def _changes(signed: Step, step: Step) -> list[str]:
    names = ("action_key", "params", "targets", "ttl", "flag_key", "expected_version")
    labels = {"action_key": "action", "params": "parameters", "ttl": "time to live", "flag_key": "flag"}
    return [
        f"the {labels.get(n, n.replace('_', ' '))} changed after the approval"
        for n in names
        if getattr(signed, n) != getattr(step, n)
    ]


def _flag_problems(step: Step, flags: Mapping[str, FlagState]) -> list[str]:
    assert step.flag_key is not None
    current = flags.get(step.flag_key, NO_FLAG).version
    if current == step.expected_version:
        return []
    return [f"flag {step.flag_key} is at version {current}, the plan was made at {step.expected_version}"]
