"""Commands carried out: what is wanted by hand becomes a frozen plan, a release, or the end of an incident."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from spine.approval import ApprovalStatus
from spine.audit import AuditAction
from spine.case import Proposal
from spine.command import CLOSED, Command, CommandKind, CommandState, Wanted, judged_as
from spine.decision.engine import decide
from spine.decision.rules import Rules
from spine.errors import Refused
from spine.hook import DecisionMade, Hook
from spine.ids import CommandId, PersonId
from spine.incident import Incident, IncidentKind, IncidentStatus
from spine.lease import HOLDING
from spine.plan import Decision, Gate, Step
from spine.policy import may_refuse
from spine.reach import Reach
from spine.runbook import Runbook
from spine.settings import Settings
from store import approvals, audit, commands, decisions, incidents, leases, people
from store.engine import Database
from store.hooks import hooks
from tasks.casing import read_case
from tasks.closing import close_incident
from tasks.gating import affected
from tasks.identity.fact import with_identity
from tasks.leasing import ports_of, release_lease
from tasks.mitigations import actions
from tasks.planning import affected as affected_now
from tasks.planning import flag_states

MOST_ATTEMPTS = 5
"""After this many runs that came to no end, a command is refused."""
_OPENED = frozenset({IncidentStatus.ESCALATED, IncidentStatus.MITIGATED, IncidentStatus.MONITORING})
Books = Mapping[IncidentKind, Runbook]


@dataclass(frozen=True, slots=True, kw_only=True)
class Obeyed:
    """What came of one command."""

    command: Command
    planned: Incident | None = None
    """Whose runbook is to carry the plan out; None = there is none."""
    sentence: str


def obey(
    database: Database, settings: Settings, command_id: CommandId, *, books: Books, run: UUID, now: datetime
) -> Obeyed | None:
    """Carry out a command, once; None = it was carried out before, or there is none.

    What is refused is written down with the reason: nobody waits for an exception.
    """
    with database.system() as connection:
        command = commands.begin(connection, command_id)
    if command is None:
        return None
    if command.attempts > MOST_ATTEMPTS:
        return _refuse(database, command, "command.stuck", f"it failed {MOST_ATTEMPTS} times; its runs say why", now)
    try:
        command = _as_of_now(database, command)
        if command.kind is CommandKind.ACT:
            return _plan(database, settings, command, books, run=run, now=now)
        return _end(database, settings, command, now)
    except Refused as error:
        return _refuse(database, command, error.code, str(error), now)


def _as_of_now(database: Database, command: Command) -> Command:
    """The command under the role its person holds now: what they have lost since they said so acts no more."""
    if command.person_id is None:
        return command
    with database.system() as connection:
        person = people.get(connection, command.person_id)
    roles = person.roles_in(command.tenant_id) if person else frozenset()
    if not may_refuse(roles):
        raise Refused("command.role", f"{command.actor} may not act in {command.tenant_id} any more. Nothing was done.")
    return replace(command, role=judged_as(roles))


def _end(database: Database, settings: Settings, command: Command, now: datetime) -> Obeyed:
    """Revert a lease, or resolve the incident. A program's word does not count where two people's is needed."""
    if command.person_id is None:
        _no_containment(database, settings, command)
    if command.kind is CommandKind.RESOLVE:
        done = close_incident(
            database, settings, command.incident_id, actor=command.actor, reason=command.reason, now=now
        )
        return _done(database, command, {"status": done.status.value}, f"the incident is {done.status.value}", now)
    assert command.lease_id is not None
    ended = release_lease(
        database, command.lease_id, actor=command.actor, reason=command.reason, ports=ports_of(settings)
    )
    said = f"{ended.action_key} is {ended.state.value}" + (f": {ended.error}" if ended.error else "")
    return _done(database, command, {"state": ended.state.value, "because": ended.error or ""}, said, now)


def _no_containment(database: Database, settings: Settings, command: Command) -> None:
    ports = ports_of(settings)
    with database.system() as connection:
        held = leases.of_incident(connection, command.incident_id)
    for lease in held:
        concerned = command.lease_id in (None, lease.id) and lease.state in HOLDING
        if concerned and ports.action(lease.action_key).spec.containment:
            raise Refused(
                "lease.people_only",
                f"{lease.action_key} contains the incident: two people end that, and a key is none. "
                "Nothing was changed; sign in and say so.",
            )


def _plan(
    database: Database, settings: Settings, command: Command, books: Books, *, run: UUID, now: datetime
) -> Obeyed | None:
    """Freeze a plan of what is wanted, in the place of the one in force, and ask what policy wants asked.

    None = another run has carried the command out meanwhile.
    """
    with database.system() as connection:
        incident = incidents.get(connection, command.incident_id)
        flags = flag_states(connection, incident.tenant_id)
    book = books.get(incident.kind)
    if book is None:
        raise Refused("runbook.unknown", f"There is no runbook for {incident.kind.value}: nothing can act on it.")
    keys = tuple(dict.fromkeys(one.action for one in command.actions))
    rules = replace(Rules.of(settings, tenants=Reach.of(incident).tenants), role=command.role.value)
    rules = with_identity(rules, database, settings, incident, keys, now=now)
    case = replace(read_case(database, incident, now), site=rules.site)
    diagnosis = book.diagnose(case)
    specs = {key: mitigation.spec for key, mitigation in actions().items()}
    decision = decide(
        case, diagnosis, book, specs, rules=rules, flags=flags,
        wanted=[_proposal(one) for one in command.actions],
    )  # fmt: skip
    if not decision.steps:
        return _blocked(database, command, decision, now)
    with database.system() as connection:
        barred = affected(connection, incident.id) | {
            PersonId(UUID(one)) for one in affected_now(connection, case, diagnosis)
        }
        planned = _freeze(connection, settings, command, decision, barred=barred, run=run, now=now)
    if planned is None:
        return None
    told = DecisionMade(tenant=command.tenant_id, decision=decision, by=command.actor)
    hooks(database, settings).observe(Hook.ON_DECISION, told)
    return Obeyed(command=command, planned=planned, sentence=f"planned: {_names(decision)}")


def _proposal(wanted: Wanted) -> Proposal:
    ttl = None if wanted.ttl_seconds is None else timedelta(seconds=wanted.ttl_seconds)
    return Proposal(action_key=wanted.action, params=wanted.params, targets=wanted.targets, ttl=ttl)


def _freeze(
    connection: Connection,
    settings: Settings,
    command: Command,
    decision: Decision,
    *,
    barred: set[PersonId],
    run: UUID,
    now: datetime,
) -> Incident | None:
    """The plan, its record, its questions and the command's end, in one transaction that outdates every older run.

    None = the command has come to its end already; nothing was written.
    """
    incident = incidents.get(connection, command.incident_id, lock=True)
    if not commands.waits(connection, command.id):
        return None
    if incident.status in CLOSED:
        raise Refused("incident.over", f"The incident is {incident.status.value}: nothing acts on it any more.")
    incidents.take(connection, incident.id, run)
    for asked in approvals.of_incident(connection, incident.id):
        if asked.status is ApprovalStatus.PENDING:
            because = f"{command.actor} has made another plan by hand"
            approvals.void(connection, asked.id, because, now=now, settings=settings)
        if asked.flow_run_id is not None:
            approvals.mark_resumed(connection, asked.id, now)  # its run is outdated: it is not to be woken
    decisions.save(connection, decision)
    if incident.status in _OPENED:
        incidents.transition(
            connection, incident.id, IncidentStatus.OPEN, at=now, actor=command.actor,
            summary=f"Taken up by hand: {command.reason}",
        )  # fmt: skip
    _record(connection, incident, command, decision, now)
    for gate, steps in _questions(decision):
        approvals.request(
            connection, decision, gate=gate, steps=[step.order for step in steps], now=now, settings=settings,
            requester=command.actor, requested_by=command.person_id or command.maker_id,
            barred=barred,
        )  # fmt: skip
    commands.finish(connection, command.id, CommandState.DONE, _outcome(command, decision), now=now)
    return incidents.get(connection, incident.id)


def _questions(decision: Decision) -> list[tuple[Gate, list[Step]]]:
    """Steps that follow each other behind the same gate, as the run will ask (runbooks/engine/response.py)."""
    ordered = sorted(decision.steps, key=lambda step: step.order)
    groups = [(gate, list(steps)) for gate, steps in groupby(ordered, key=lambda step: step.gate)]
    return [(gate, steps) for gate, steps in groups if gate not in (Gate.ALLOW, Gate.DENY)]


def _outcome(command: Command, decision: Decision, *, frozen: bool = True) -> dict[str, Any]:
    """One entry per wanted action, in order, and the plan they became part of."""
    made = {step.order: step for step in (*decision.steps, *decision.denied)}
    steps = [
        {"order": order, "action": one.action, "gate": made[order].gate.label, "because": _because(made[order])}
        for order, one in enumerate(command.actions, 1)
    ]
    return {"decision": str(decision.decision_id) if frozen else None, "steps": steps}


def _because(step: Step) -> str:
    """Why the step stands behind its gate: what did not pass, else what policy says."""
    failed = [f"{one.name}: {one.because}" for one in step.guard_results if one.passed is not True]
    policy = [one.because for one in step.guard_results if one.name == "policy"]
    return "; ".join(failed or policy)


def _names(decision: Decision) -> str:
    return ", ".join(f"{step.action_key} ({step.gate.label})" for step in decision.steps)


def _record(connection: Connection, incident: Incident, command: Command, decision: Decision, now: datetime) -> None:
    detail = {"decision": str(decision.decision_id), "plan_hash": decision.plan_hash, "command": str(command.id)}
    incidents.append_timeline(
        connection, incident, now, "decision", command.actor, f"Wants by hand: {_names(decision)}. {command.reason}",
        detail,
    )  # fmt: skip
    _tell(connection, command, AuditAction.DECISION_CREATED, now, plan_hash=decision.plan_hash, after={
        "decision": decision.decision.value, "by_hand": True, "role": command.role.value,
        "steps": [f"{s.order} {s.action_key} {s.gate.label}" for s in decision.steps],
        "denied": [s.action_key for s in decision.denied],
    })  # fmt: skip


def _blocked(database: Database, command: Command, decision: Decision, now: datetime) -> Obeyed | None:
    """Nothing of it may run: the plan in force stays in force. None = another run has carried the command out."""
    outcome = _outcome(command, decision, frozen=False)
    said = "; ".join(f"{one['action']} did not run: {one['because']}" for one in outcome["steps"])
    with database.system() as connection:
        incident = incidents.get(connection, command.incident_id, lock=True)
        if not commands.waits(connection, command.id):
            return None
        incidents.append_timeline(connection, incident, now, "denied", command.actor, said)
        commands.finish(
            connection, command.id, CommandState.REFUSED, {**outcome, "code": "action.blocked", "because": said},
            now=now,
        )  # fmt: skip
        _tell(connection, command, AuditAction.ACTION_DENIED, now, outcome="denied", detail=outcome)
    return Obeyed(command=command, sentence=said)


def _done(database: Database, command: Command, outcome: dict[str, Any], said: str, now: datetime) -> Obeyed:
    with database.system() as connection:
        commands.finish(connection, command.id, CommandState.DONE, outcome, now=now)
    return Obeyed(command=command, sentence=said)


def _refuse(database: Database, command: Command, code: str, because: str, now: datetime) -> Obeyed:
    with database.system() as connection:
        commands.finish(connection, command.id, CommandState.REFUSED, {"code": code, "because": because}, now=now)
        _tell(connection, command, AuditAction.ACTION_DENIED, now, outcome="refused", detail={"code": code})
    return Obeyed(command=command, sentence=because)


def _tell(connection: Connection, command: Command, action: AuditAction, now: datetime, **said: Any) -> None:
    audit.append(
        connection, command.tenant_id, action, actor=command.actor, at=now, subject=f"command:{command.id}",
        incident_id=command.incident_id, **said,
    )  # fmt: skip
