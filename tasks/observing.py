"""What came of a drill, read from the ledger: the same rows that a real incident leaves."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from spine.approval import ApprovalStatus
from spine.drill_score import Seen
from spine.ids import IncidentId, TenantId
from spine.lease import Lease, LeaseState
from spine.notification import APPROVALS
from spine.plan import Decision, Gate
from spine.verdict import Outcome
from store import approvals, briefing, flag_holds, flags, incidents, leases
from store.drill_events import topics_told
from store.drills import DrillRun
from tasks.drilling import Play
from tasks.replaying import Replayed

FlagBases = dict[str, tuple[int, str]]
"""Version and digest of every flag's base."""


def flag_bases(connection: Connection, tenant: TenantId) -> FlagBases:
    """The bases of the tenant's flags as they are now."""
    return {key: (flag.version, flag.digest) for key, flag in flags.all_flags(connection, tenant).items()}


def observe(connection: Connection, play: Play, found: Replayed, incident_id: IncidentId | None) -> Seen:
    """What stands in the ledger while everything is in force still."""
    seen = Seen(kinds=frozenset(one.kind for one in found.opened))
    if incident_id is None:
        return seen
    incident, plan = incidents.get(connection, incident_id), briefing.latest_decision(connection, incident_id)
    held = leases.of_incident(connection, incident_id)
    seen = replace(
        seen,
        severity=incident.severity,
        calls=_calls(connection, play, incident_id, held),
        ran=frozenset(lease.action_key for lease in held if lease.applied_at),
        flags=_flags(connection, play.run.tenant_id, held),
        verdict=_verdict(connection, incident_id),
    )
    return seen if plan is None else _planned(connection, seen, plan, held)


def afterwards(connection: Connection, seen: Seen, run: DrillRun, incident: IncidentId, before: FlagBases) -> Seen:
    """The same, once everything was taken back: what is left, and which flag is not as it was."""
    held = [lease for lease in leases.of_incident(connection, incident) if lease.ttl_seconds is not None]
    mine = {lease.id for lease in held}
    left = [f"lease of {lease.action_key}" for lease in held if lease.state is not LeaseState.REVERTED]
    holds = flag_holds.holds_of(connection, run.tenant_id, shadows_of=incident)
    left += [f"hold of {hold.key}" for hold in holds if hold.lease_id in mine]
    now = flag_bases(connection, run.tenant_id)
    touched = {str(lease.pre_image["flag"]) for lease in held if lease.pre_image and "flag" in lease.pre_image}
    moved = [f"base of {key}" for key in sorted(touched) if now.get(key) != before.get(key)]
    return replace(seen, held_on=tuple(left), moved_flags=tuple(moved))


def _planned(connection: Connection, seen: Seen, plan: Decision, held: list[Lease]) -> Seen:
    asked = approvals.of_incident(connection, IncidentId(plan.incident_id))
    let_through = {
        (approval.decision_id, order)
        for approval in asked
        if approval.status is ApprovalStatus.APPROVED
        for order in approval.steps
    }
    behind = [step for step in plan.steps if step.gate is not Gate.ALLOW]
    done = {lease.step for lease in held if lease.decision_id == plan.decision_id and lease.applied_at}
    closed = [step for step in behind if (plan.decision_id, step.order) not in let_through]
    return replace(
        seen,
        verb=plan.decision,
        steps={step.action_key: step.gate for step in plan.steps},
        denied=frozenset(step.action_key for step in plan.denied),
        targets=frozenset(target for step in plan.steps for target in step.targets),
        waiting=frozenset(step.action_key for step in closed),
        unasked=tuple(step.action_key for step in closed if step.order in done),
    )


def _calls(connection: Connection, play: Play, incident: IncidentId, held: list[Lease]) -> tuple[str, ...]:
    """Everything that left the house; the questions to people excepted, where people are asked."""
    found = [f"{lease.action_key} was no shadow" for lease in held if not lease.shadow]
    found += [f"{lease.action_key} told the webhook" for lease in held if (lease.receipt or {}).get("webhook")]
    allowed = set() if play.run.unattended else {topic.value for topic in APPROVALS}
    found += [f"a message: {topic}" for topic in topics_told(connection, incident) if topic not in allowed]
    asked = [row for row in incidents.evidence_rows(connection, incident) if row["source"].startswith("diagnostic:")]
    return (*found, *(f"{row['source']} asked" for row in asked[len(play.runbook.asks) :]))


def _flags(connection: Connection, tenant: TenantId, held: list[Lease]) -> dict[str, Any]:
    """The value of every flag that was held, as the drill's own evaluation read it."""
    read = [lease.receipt["read_back"] for lease in held if lease.receipt and "flag" in lease.receipt["read_back"]]
    known = flags.all_flags(connection, tenant)
    return {
        str(one["flag"]): known[one["flag"]].definition.variants.get(str(one["reads"]), one["reads"]) for one in read
    }


def _verdict(connection: Connection, incident: IncidentId) -> Outcome | None:
    """The last verdict; None = there is none."""
    rows = [row for row in incidents.evidence_rows(connection, incident) if row["source"] == "verification"]
    return Outcome(rows[-1]["query"]) if rows else None
