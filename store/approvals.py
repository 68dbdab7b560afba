"""Approvals in PostgreSQL: asked once, ended once, and what waits for them. Votes are cast in store/decide.py.

Locks are taken in one order everywhere: incident, approval, person, audit chain.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.approval import Approval, ApprovalStatus, Ballot, approval_id
from spine.audit import AuditAction
from spine.ids import ApprovalId, DecisionId, IncidentId, PersonId, TenantId
from spine.notification import Topic
from spine.plan import Decision, Gate, Risk, Verb
from spine.policy import votes_needed
from spine.routing import News
from spine.settings import Settings
from spine.severity import Severity
from store import audit, drills, incidents, outbox, routes

_GATES = {gate.label: gate for gate in (Gate.STEP_UP, Gate.APPROVE, Gate.TWO_PERSON)}
_RISKS = list(Risk)
_S = ApprovalStatus


def request(
    connection: Connection,
    decision: Decision,
    *,
    gate: Gate,
    steps: Sequence[int],
    now: datetime,
    settings: Settings,
    requester: str = "engine",
    requested_by: PersonId | None = None,
    barred: Collection[PersonId] = (),
) -> Approval:
    """Ask for `steps` of a stored decision to be let through `gate`; asked again, it is the same question.

    `requested_by` is the person who wants it, None for the engine; `barred` are people the incident is about.
    Expires with the plan. Writes the audit entry, the timeline and the prompt's outbox rows.

    Raises:
        ValueError: the plan has no such steps, or nobody can open this gate.
    """
    asked = [step for step in decision.steps if step.order in steps]
    if gate.label not in _GATES or not steps or len(asked) != len(set(steps)):
        raise ValueError(f"no approval can be asked for steps {list(steps)} behind the gate {gate.label}")
    key = approval_id(TenantId(decision.tenant), decision.decision_id, gate, steps)
    incidents.get(connection, decision.incident_id, lock=True)
    inserted = connection.execute(
        _INSERT,
        {
            "id": key, "tenant": decision.tenant, "incident": decision.incident_id, "decision": decision.decision_id,
            "gate": gate.label, "steps": sorted(steps), "plan_hash": decision.plan_hash,
            "risk": max((step.risk for step in asked), key=_RISKS.index).value,
            "containment": decision.decision is Verb.CONTAIN, "requester": requester, "requested_by": requested_by,
            "barred": sorted(barred), "votes": votes_needed(gate), "now": now, "expires": decision.expires_at,
        },
    ).one_or_none()  # fmt: skip
    approval = get(connection, key)
    assert approval is not None
    if inserted is not None:
        _asked(connection, approval, [step.action_key for step in asked], now, settings)
    return approval


def _asked(connection: Connection, approval: Approval, actions: list[str], now: datetime, settings: Settings) -> None:
    """The record of a new question, and its prompt."""
    summary = f"Approval asked for {', '.join(actions)} ({approval.gate.label})"
    note(
        connection, approval, AuditAction.APPROVAL_REQUESTED,
        outcome="requested", actor=approval.requester, summary=summary, now=now,
    )  # fmt: skip
    tell(connection, approval, Topic.APPROVAL_REQUESTED, now=now, settings=settings)


_INSERT = text("""
    insert into approvals(id, tenant_id, incident_id, decision_id, gate, steps, plan_hash, risk, synthetic, containment,
      requester, requested_by, barred, votes_needed, requested_at, expires_at)
    values(:id, :tenant, :incident, :decision, :gate, :steps, :plan_hash, :risk,
      (select synthetic from incidents where id = :incident), :containment,
      :requester, :requested_by, cast(:barred as uuid[]), :votes, :now, :expires)
    on conflict (id) do nothing returning id""")


def get(connection: Connection, approval: ApprovalId) -> Approval | None:
    """The approval with this id."""
    found = _some(connection, "where id = :id", {"id": approval})
    return found[0] if found else None


def locked(connection: Connection, approval_id: ApprovalId | str, tenant: TenantId | None) -> Approval | None:
    """The approval, locked until the end of the transaction; its incident cannot end meanwhile."""
    try:
        key = approval_id if isinstance(approval_id, UUID) else UUID(approval_id)
    except ValueError:
        return None
    approval = get(connection, ApprovalId(key))
    if approval is None or tenant not in (None, approval.tenant_id):
        return None
    _lock_incident(connection, approval)
    row = connection.execute(text("select * from approvals where id = :id for update"), {"id": key}).one()
    return from_row(row)


def pending(connection: Connection, tenant: TenantId | None = None) -> list[Approval]:
    """What waits for a person, soonest to expire first; all tenants when None."""
    where = "where status = 'pending' and (cast(:t as text) is null or tenant_id = :t) order by expires_at, id"
    return _some(connection, where, {"t": tenant})


def of_incident(connection: Connection, incident: IncidentId) -> list[Approval]:
    """Everything that was asked for one incident, in order."""
    return _some(connection, "where incident_id = :i order by requested_at, id", {"i": incident})


def granted(connection: Connection, decision: DecisionId, step: int, plan_hash: str) -> Approval | None:
    """The approval that lets `step` of exactly this plan run, or None. No other gate's approval will do."""
    where = "where decision_id = :d and plan_hash = :h and :step = any(steps) and status = 'approved'"
    found = _some(connection, where, {"d": decision, "h": plan_hash, "step": step})
    return found[0] if found else None


def ballots(connection: Connection, approval: ApprovalId) -> list[Ballot]:
    """The votes that count, in order."""
    rows = connection.execute(
        text(
            "select person_id, vote, via, account, stepped_up, reason, at from approval_votes"
            " where approval_id = :id order by at, person_id"
        ),
        {"id": approval},
    )
    return [Ballot(**row._mapping) for row in rows]


def expire_due(connection: Connection, now: datetime, settings: Settings) -> list[Approval]:
    """End every question whose time is up, exactly once; returns those this call ended."""
    connection.execute(
        text("""
            select 1 from incidents where id in (
              select incident_id from approvals where status = 'pending' and expires_at <= :now)
            order by id for no key update"""),
        {"now": now},
    )
    rows = connection.execute(
        text("""
            update approvals set status = 'expired', decided_at = :now where id in (
              select id from approvals where status = 'pending' and expires_at <= :now
              order by tenant_id, id for update skip locked)
            returning id"""),
        {"now": now},
    )
    ended = _some(connection, "where id = any(:ids) order by tenant_id, id", {"ids": [row.id for row in rows]})
    for approval in ended:
        ended_by_itself(connection, approval, "nobody decided in time", now, settings)
    return ended


def void(connection: Connection, approval: ApprovalId, because: str, *, now: datetime, settings: Settings) -> bool:
    """Take back a question, or a yes not yet used, whose plan no longer stands; False when it had ended otherwise.

    Never grants anything: cancelling a waiting run is no approval.
    """
    asked = get(connection, approval)
    if asked is None:
        return False
    _lock_incident(connection, asked)
    taken = connection.execute(
        text(
            "update approvals set status = 'void', decided_at = :now, reason = :because"
            " where id = :id and status in ('pending', 'approved') returning id"
        ),
        {"id": approval, "now": now, "because": because},
    ).one_or_none()
    if taken is None:
        return False
    voided = get(connection, approval)
    assert voided is not None
    ended_by_itself(connection, voided, because, now, settings)
    return True


def want_ratified(connection: Connection, approval: Approval, by: datetime) -> Approval:
    """Break-glass was used: somebody else must stand by it until then."""
    query = text("update approvals set ratify_by = :by where id = :id returning *")
    return from_row(connection.execute(query, {"id": approval.id, "by": by}).one())


def attach_run(connection: Connection, approval: ApprovalId, flow_run: UUID) -> Approval | None:
    """Note which run waits; returns the approval as it stands, for the answer may have come before the wait."""
    connection.execute(
        text("update approvals set flow_run_id = :run, resumed_at = null where id = :id"),
        {"id": approval, "run": flow_run},
    )
    return get(connection, approval)


def decided_unresumed(connection: Connection) -> list[Approval]:
    """Answers (or ends) that no waiting run has been woken for yet, oldest first."""
    where = "where status <> 'pending' and flow_run_id is not null and resumed_at is null order by decided_at, id"
    return _some(connection, where, {})


def mark_resumed(connection: Connection, approval: ApprovalId, now: datetime) -> bool:
    """Note that the waiting run was woken; False when somebody else noted it first."""
    marked = connection.execute(
        text("update approvals set resumed_at = :now where id = :id and resumed_at is null"),
        {"id": approval, "now": now},
    )
    return marked.rowcount == 1


def ended_by_itself(
    connection: Connection, approval: Approval, because: str, now: datetime, settings: Settings
) -> None:
    """Record that no person ended it: expired or void."""
    summary = f"Approval {approval.status.value}: {because}"
    note(
        connection, approval, AuditAction.APPROVAL_DECIDED,
        outcome=approval.status.value, actor="engine", summary=summary, now=now,
    )  # fmt: skip
    tell(connection, approval, Topic.APPROVAL_DECIDED, now=now, settings=settings)


def note(
    connection: Connection,
    approval: Approval,
    action: AuditAction,
    *,
    outcome: str,
    actor: str,
    summary: str,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> None:
    """The timeline and the audit entry of something that happened to an approval."""
    if approval.incident_id is not None:
        incident = incidents.get(connection, approval.incident_id)
        incidents.append_timeline(connection, incident, now, action.value, actor, summary)
    facts = {"gate": approval.gate.label, "steps": approval.steps, "summary": summary, **(detail or {})}
    audit.append(
        connection, approval.tenant_id, action, actor=actor, at=now, subject=f"approval:{approval.id}",
        incident_id=approval.incident_id, plan_hash=approval.plan_hash, outcome=outcome, detail=facts,
        after={"status": approval.status.value},
    )  # fmt: skip


def tell(
    connection: Connection,
    approval: Approval,
    topic: Topic,
    *,
    now: datetime,
    settings: Settings,
    page: bool = False,
) -> None:
    """The outbox rows of a question or its answer; `page` makes them critical. A drill pages nobody, and one that
    decides by itself asks nobody."""
    incident = incidents.get(connection, approval.incident_id) if approval.incident_id else None
    if incident and incident.synthetic and (page or not drills.asks_people(connection, incident.drill_id)):
        return
    severity = Severity.CRITICAL if page else incident.severity if incident else Severity.HIGH
    kind = incident.kind if incident else None
    news = News(tenant=approval.tenant_id, topic=topic, severity=severity, kind=kind, at=now)
    ratified = approval.ratified_at is not None and approval.status is _S.APPROVED  # its later end is news again
    mark = "page" if page else "ratified" if ratified else approval.status.value
    outbox.put(
        connection, approval.tenant_id, topic, {"approval": str(approval.id)}, severity=severity,
        incident_id=approval.incident_id, dedupe=f"{topic.value}:{approval.id}:{mark}", now=now,
        channels=[str(one) for one in routes.routed(connection, news, settings.notify).destinations],
    )  # fmt: skip


def _lock_incident(connection: Connection, approval: Approval) -> None:
    if approval.incident_id is not None:
        incidents.get(connection, approval.incident_id, lock=True)


def _some(connection: Connection, where: str, values: dict[str, Any]) -> list[Approval]:
    rows = connection.execute(text(f"select * from approvals {where}"), values)  # noqa: S608 - our own words
    return [from_row(row) for row in rows]


def from_row(row: Row[Any]) -> Approval:
    """An approval out of its row."""
    values = dict(row._mapping)
    values |= {
        "gate": _GATES[values["gate"]],
        "risk": Risk(values["risk"]),
        "status": ApprovalStatus(values["status"]),
        "steps": tuple(values["steps"]),
        "barred": frozenset(PersonId(p) for p in values["barred"]),
    }
    return Approval(**values)
