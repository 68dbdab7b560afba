"""Carries out approved steps of a plan: everything is checked afresh, then each becomes a lease."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from spine.audit import AuditAction
from spine.decision.recheck import recheck
from spine.decision.rules import Rules
from spine.hook import ActionAsked, ActionDone, Hook
from spine.ids import DecisionId, IncidentId, TenantId
from spine.incident import IncidentStatus
from spine.lease import Lease, LeaseState
from spine.plan import Decision, Gate, Step
from spine.reach import Reach
from spine.settings import Settings
from store import approvals, audit, decisions, incidents, leases
from store.engine import Database
from store.hooks import hooks
from tasks.casing import read_case
from tasks.identity.fact import with_identity
from tasks.leasing import apply_lease, intend_lease, ports_of
from tasks.mitigations import actions
from tasks.planning import flag_states
from tasks.progress import ACTOR, escalate, move, owned

_DENIED = "denied"
_REFUSED_BEFORE = "it was refused before; a refused step does not run under its plan again"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What became of one step."""

    step: Step
    lease: Lease | None
    """None = it was refused, and `because` says why."""
    because: str = ""


def begin_mitigation(
    database: Database, incident_id: IncidentId, *, fence: int, now: datetime, steps: tuple[Step, ...]
) -> None:
    """Say that the incident is being mitigated."""
    with database.system() as connection:
        incident = owned(connection, incident_id, fence)
        names = ", ".join(s.action_key for s in steps)
        move(connection, incident, IncidentStatus.MITIGATING, at=now, summary=f"Mitigating: {names}")


def mitigate_step(
    database: Database, settings: Settings, decision: Decision, step: Step, *, fence: int, now: datetime
) -> StepResult:
    """Run one step, if it may still run; done before, it is the same lease, and refused before it stays refused.

    Raises:
        Refused: a newer run has taken the incident.
    """
    tenant, incident_id = TenantId(decision.tenant), IncidentId(decision.incident_id)
    with database.system() as connection:
        owned(connection, incident_id, fence)
        if step.order in denied_steps(connection, decision):
            return StepResult(step=step, lease=None, because=_REFUSED_BEFORE)
    problems = _problems(database, settings, decision, step, fence=fence, now=now)
    if problems:
        _deny(database, settings, decision, step, problems, fence=fence, now=now)
        return StepResult(step=step, lease=None, because="; ".join(problems))
    ports = ports_of(settings)
    lease = intend_lease(
        database, tenant=tenant, incident_id=incident_id, decision_id=decision.decision_id, step=step, fence=fence,
        ports=ports,
    )  # fmt: skip
    if lease.state in (LeaseState.REVERTING, LeaseState.REVERTED, LeaseState.REVERT_FAILED):
        return StepResult(step=step, lease=lease, because=f"it has ended: {lease.revert_reason}")
    applied = apply_lease(database, lease.id, fence=fence, ports=ports)
    done = ActionDone(tenant=tenant, incident_id=incident_id, step=step, lease=applied)
    hooks(database, settings).observe(Hook.AFTER_ACTION, done)
    return StepResult(step=step, lease=applied)


def _problems(
    database: Database, settings: Settings, decision: Decision, step: Step, *, fence: int, now: datetime
) -> list[str]:
    """Every reason against running `step` at this moment. A lease that exists was checked before it was meant."""
    with database.system() as connection:
        incident = owned(connection, IncidentId(decision.incident_id), fence)
        if any(
            held.step == step.order and held.decision_id == decision.decision_id
            for held in leases.of_incident(connection, incident.id)
        ):
            return []
        stored = decisions.current(connection, incident.id)
        granted = step.gate is Gate.ALLOW or approvals.granted(
            connection, DecisionId(decision.decision_id), step.order, decision.plan_hash
        )
        state = flag_states(connection, incident.tenant_id)
        missing = _unmet(connection, incident.id, decision, step)
    problems = [] if granted else [f"nobody approved step {step.order}, and its gate is {step.gate.label}"]
    if stored is None or stored.plan_hash != decision.plan_hash:
        problems.append("the plan was replaced")
    problems += [f"step {order}, which must come first, is not in force" for order in missing]
    specs = {key: mitigation.spec for key, mitigation in actions().items()}
    fresh = read_case(database, incident, now)
    rules = Rules.of(settings, tenants=Reach.of(incident).tenants)
    rules = with_identity(rules, database, settings, incident, (step.action_key,), now=now)
    problems += recheck(decision, step, fresh=fresh, actions=specs, rules=rules, flags=state, now=now)
    return problems or hooks(database, settings).vetoes(
        ActionAsked(
            tenant=incident.tenant_id, incident_id=incident.id, decision_id=decision.decision_id, step=step,
            drill=incident.synthetic,
        )
    )  # fmt: skip


def _unmet(connection: Connection, incident: IncidentId, decision: Decision, step: Step) -> list[int]:
    """Steps this one depends on that are not in force."""
    done = {
        held.step
        for held in leases.of_incident(connection, incident)
        if held.decision_id == decision.decision_id and held.state in (LeaseState.ACTIVE, LeaseState.VERIFIED)
    }
    return sorted(set(step.depends_on) - done)


def _deny(
    database: Database,
    settings: Settings,
    decision: Decision,
    step: Step,
    problems: list[str],
    *,
    fence: int,
    now: datetime,
) -> None:
    """The action does not run, and everybody can read why.

    Its approval is void once all of its steps were refused. While one of them may have run it is not: what break-glass
    let through waits to be ratified, and the steps that follow are still approved.
    """
    because = "; ".join(problems)
    with database.system() as connection:
        incident = owned(connection, IncidentId(decision.incident_id), fence)
        incidents.append_timeline(
            connection, incident, now, _DENIED, ACTOR, f"{step.action_key} did not run: {because}",
            {"decision": str(decision.decision_id), "step": step.order},
        )  # fmt: skip
        audit.append(
            connection, incident.tenant_id, AuditAction.ACTION_DENIED, actor=ACTOR, at=now,
            subject=f"step:{step.order}:{step.action_key}", incident_id=incident.id, plan_hash=decision.plan_hash,
            outcome="denied", detail={"because": problems},
        )  # fmt: skip
        granted = approvals.granted(connection, DecisionId(decision.decision_id), step.order, decision.plan_hash)
        if granted is not None and denied_steps(connection, decision).issuperset(granted.steps):
            approvals.void(connection, granted.id, because, now=now, settings=settings)


def denied_steps(connection: Connection, decision: Decision) -> set[int]:
    """Steps of the plan that were refused at execution: once refused, a step does not run under this plan."""
    return {
        int(entry["detail"]["step"])
        for entry in incidents.timeline(connection, decision.incident_id)
        if entry["kind"] == _DENIED and entry["detail"].get("decision") == str(decision.decision_id)
    }


def finish_without_effect(
    database: Database, settings: Settings, incident_id: IncidentId, answers: str, fence: int, now: datetime
) -> None:
    """No step came into force: people must hear of it."""
    with database.system() as connection:
        incident = owned(connection, incident_id, fence)
        if incident.status is not IncidentStatus.RESOLVED:
            escalate(connection, settings, incident, f"no mitigation is in force ({answers})", now)
