"""What became of a command: of each action it wanted, from the plan, the approvals and the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from spine.approval import Approval, ApprovalStatus
from spine.command import Command, CommandState
from spine.lease import Lease, LeaseState
from store import approvals, commands, leases

_STANDS = {
    LeaseState.INTENDED: "applying", LeaseState.APPLYING: "applying", LeaseState.UNKNOWN: "applying",
    LeaseState.ACTIVE: "applied", LeaseState.VERIFIED: "applied", LeaseState.REVERTING: "reverting",
    LeaseState.REVERT_FAILED: "reverting", LeaseState.REVERTED: "reverted",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Became:
    """How one wanted action stands."""

    action: str
    status: str
    """blocked | approval_pending | waiting | applying | applied | reverting | reverted."""
    gate: str | None = None
    because: str = ""
    approval: Approval | None = None
    lease: Lease | None = None
    audit_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A command, and what became of it so far."""

    command: Command
    actions: tuple[Became, ...]
    audit_ids: tuple[UUID, ...]
    """Of the command itself."""

    @property
    def settled(self) -> bool:
        """True when nothing is expected to happen by itself any more: what is left waits for people."""
        if self.command.state is CommandState.WAITING:
            return False
        return all(one.status not in ("waiting", "applying", "reverting") for one in self.actions)


def report(connection: Connection, key: UUID) -> Report | None:
    """The command with this id and what became of it; None = the tenant has none."""
    command = commands.get(connection, key)
    if command is None:
        return None
    told = _told(connection, command)
    return Report(
        command=command, actions=_actions(connection, command, told),
        audit_ids=told.get(f"command:{command.id}", ()),
    )  # fmt: skip


def _actions(connection: Connection, command: Command, told: Mapping[str, tuple[UUID, ...]]) -> tuple[Became, ...]:
    steps = command.outcome.get("steps", [])
    if not steps:
        refused = command.state is CommandState.REFUSED
        status, because = ("blocked", str(command.outcome.get("because", ""))) if refused else ("waiting", "")
        return tuple(Became(action=one.action, status=status, because=because) for one in command.actions)
    decision = command.outcome.get("decision")
    held = {
        lease.step: lease
        for lease in leases.of_incident(connection, command.incident_id)
        if str(lease.decision_id) == decision
    }
    asked = [one for one in approvals.of_incident(connection, command.incident_id) if str(one.decision_id) == decision]
    denied = _denied(connection, command, decision)
    return tuple(_became(step, held, asked, denied, told) for step in steps)


def _became(
    step: Mapping[str, Any],
    held: Mapping[int, Lease],
    asked: list[Approval],
    denied: Mapping[int, str],
    told: Mapping[str, tuple[UUID, ...]],
) -> Became:
    order, gate = step["order"], step["gate"]
    lease, approval = held.get(order), next((one for one in asked if order in one.steps), None)
    subjects = [f"step:{order}:{step['action']}"]
    subjects += [f"lease:{lease.id}"] if lease else []
    subjects += [f"approval:{approval.id}"] if approval else []
    status, because = _stands(step, lease, approval, denied)
    return Became(
        action=step["action"], status=status, gate=gate, because=because, approval=approval, lease=lease,
        audit_ids=tuple(one for subject in subjects for one in told.get(subject, ())),
    )  # fmt: skip


def _stands(
    step: Mapping[str, Any], lease: Lease | None, approval: Approval | None, denied: Mapping[int, str]
) -> tuple[str, str]:
    if step["gate"] == "deny":
        return "blocked", step["because"]
    if step["order"] in denied:
        return "blocked", denied[step["order"]]
    if lease is not None:
        return _STANDS[lease.state], lease.error or lease.revert_reason or ""
    if approval is None or approval.status is ApprovalStatus.APPROVED:
        return "waiting", "a run is about to carry it out"
    if approval.status is ApprovalStatus.PENDING:
        return "approval_pending", f"{step['because']}; until {approval.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    return "blocked", f"the approval was {approval.status.value}" + (f": {approval.reason}" if approval.reason else "")


def _denied(connection: Connection, command: Command, decision: str | None) -> dict[int, str]:
    """Steps that were refused at execution, and why."""
    rows = connection.execute(
        text(
            "select detail ->> 'step' as step, summary from incident_timeline where incident_id = :incident"
            " and kind = 'denied' and detail ->> 'decision' = :decision"
        ),
        {"incident": command.incident_id, "decision": decision},
    )
    return {int(row.step): row.summary for row in rows}


def _told(connection: Connection, command: Command) -> dict[str, tuple[UUID, ...]]:
    """Ids of the audit entries of the incident since the command, by their subject."""
    rows = connection.execute(
        text(
            "select id, entry::jsonb #>> '{data,subject}' as subject from audit_entries"
            " where incident_id = :incident and at >= :since order by seq"
        ),
        {"incident": command.incident_id, "since": command.commanded_at},
    )
    found: dict[str, tuple[UUID, ...]] = {}
    for row in rows:
        found[row.subject] = (*found.get(row.subject, ()), row.id)
    return found
