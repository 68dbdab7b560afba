"""Changes of flags that wait for a yes or for their time; and the question that is asked about one.

Asking goes through the one approval engine: a row of `approvals`, decided by `store.decide`.
"""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.approval import ApprovalStatus
from spine.audit import AuditAction
from spine.flag.change import ChangeState, FlagChange
from spine.flag.definition import Definition
from spine.flag.schedule import Planned
from spine.ids import ApprovalId, ChangeId, PersonId, TenantId, derive
from spine.notification import Topic
from spine.plan import Gate, Risk
from spine.policy import votes_needed
from spine.settings import Settings
from store import approvals

_GATES = {gate.label: gate for gate in Gate}
_SELECT = "select c.*, a.id as approval_id from flag_changes c left join approvals a on a.change_id = c.id"


def insert(connection: Connection, change: FlagChange) -> None:
    """Store a new change."""
    connection.execute(
        _INSERT,
        {
            "id": change.id, "t": change.tenant_id, "k": change.key,
            "definition": json.dumps(change.definition.stored()), "base": change.base_version,
            "starts": change.starts_at, "ttl": change.ttl.total_seconds() if change.ttl else None,
            "returns": change.returns, "purpose": change.purpose, "owner": change.owner,
            "temporary": change.temporary, "by": change.proposed_by, "person": change.person_id,
            "reason": change.reason, "risk": change.risk.value, "gate": change.gate.label, "sha256": change.hash,
            "state": change.state.value, "at": change.proposed_at, "expires": change.expires_at,
        },
    )  # fmt: skip


def get(connection: Connection, change: UUID) -> FlagChange | None:
    """The change with this id."""
    row = connection.execute(text(f"{_SELECT} where c.id = :id"), {"id": change}).one_or_none()
    return _change(row) if row else None


def of_tenant(
    connection: Connection, tenant: TenantId, *, key: str | None = None, state: ChangeState | None = None, limit: int
) -> list[FlagChange]:
    """The tenant's changes (of one flag, in one state), newest first."""
    rows = connection.execute(
        text(
            f"{_SELECT} where c.tenant_id = :t and (cast(:k as text) is null or c.key = :k)"
            " and (cast(:s as text) is null or c.state = :s) order by c.proposed_at desc, c.id desc limit :limit"
        ),
        {"t": tenant, "k": key, "s": state.value if state else None, "limit": limit},
    )
    return [_change(row) for row in rows]


def planned(connection: Connection, tenant: TenantId, key: str | None = None) -> list[Planned]:
    """What takes effect by itself, or did and is not yet written down as a version."""
    rows = connection.execute(
        text(
            "select id, key, definition, starts_at, returns from flag_changes where tenant_id = :t"
            " and state = 'planned' and (cast(:k as text) is null or key = :k)"
        ),
        {"t": tenant, "k": key},
    )
    return [
        Planned(
            change_id=row.id, key=row.key, definition=Definition.model_validate(row.definition),
            starts_at=row.starts_at, returns=row.returns,
        )
        for row in rows
    ]  # fmt: skip


def end(
    connection: Connection,
    change: UUID,
    state: ChangeState,
    *,
    at: datetime,
    by: str | None = None,
    version: int | None = None,
) -> None:
    """Note how a change ended (or that it is planned: then it has not ended)."""
    connection.execute(
        text(
            "update flag_changes set state = :s, applied_by = coalesce(:by, applied_by), version = :v,"
            " ended_at = case when :s = 'planned' then null else cast(:at as timestamptz) end where id = :id"
        ),
        {"s": state.value, "by": by, "v": version, "at": at, "id": change},
    )


def overtake(connection: Connection, tenant: TenantId, key: str, *, at: datetime) -> list[UUID]:
    """Nothing planned for `key` happens any more; returns what that was."""
    rows = connection.execute(
        text(
            "update flag_changes set state = 'overtaken', ended_at = :at"
            " where tenant_id = :t and key = :k and state = 'planned' returning id"
        ),
        {"t": tenant, "k": key, "at": at},
    )
    return sorted(rows.scalars())


def ask(connection: Connection, change: FlagChange, *, now: datetime, settings: Settings) -> ApprovalId:
    """Ask people about `change`, as the system role. Writes the audit entry and the prompt's outbox rows."""
    key = ApprovalId(derive("approval", change.tenant_id, change.id, change.gate.label))
    connection.execute(
        _ASK,
        {
            "id": key, "t": change.tenant_id, "change": change.id, "gate": change.gate.label, "hash": change.hash,
            "risk": change.risk.value, "requester": change.proposed_by, "person": change.person_id,
            "votes": votes_needed(change.gate), "now": now, "expires": change.expires_at,
        },
    )  # fmt: skip
    asked = approvals.get(connection, key)
    assert asked is not None
    approvals.note(
        connection, asked, AuditAction.APPROVAL_REQUESTED, outcome="requested", actor=change.proposed_by,
        summary=f"Approval asked for a change of {change.key} ({change.gate.label})", now=now,
    )  # fmt: skip
    approvals.tell(connection, asked, Topic.APPROVAL_REQUESTED, now=now, settings=settings)
    return key


def granted(connection: Connection, change: FlagChange, now: datetime) -> bool:
    """True when exactly this change was let through, and that still holds."""
    if change.approval_id is None:
        return False
    asked = approvals.get(connection, change.approval_id)
    return (
        asked is not None
        and asked.status is ApprovalStatus.APPROVED
        and asked.plan_hash == change.hash
        and now < change.expires_at
    )


def void_because(connection: Connection, change_id: ChangeId, signed: str) -> str | None:
    """Why the question about a change no longer stands, or None: it was withdrawn, or the flag is another by now."""
    change = get(connection, change_id)
    if change is None or change.state is not ChangeState.DRAFT:
        return f"the change was {change.state.value if change else 'deleted'}"
    if change.hash != signed:
        return "the change is not the one that was asked about"
    query = text("select version from flags where tenant_id = :t and key = :k")
    version = connection.execute(query, {"t": change.tenant_id, "k": change.key}).scalar_one_or_none() or 0
    if version != change.base_version:
        return f"the flag is at version {version}, and it was made for version {change.base_version}"
    return None


_INSERT = text("""
    insert into flag_changes(id, tenant_id, key, definition, base_version, starts_at, ttl_seconds, returns, purpose,
        owner, temporary, proposed_by, person_id, reason, risk, gate, sha256, state, proposed_at, expires_at)
    values(:id, :t, :k, cast(:definition as jsonb), :base, :starts, :ttl, :returns, :purpose, :owner, :temporary, :by,
        :person, :reason, :risk, :gate, :sha256, :state, :at, :expires)
""")
_ASK = text("""
    insert into approvals(id, tenant_id, change_id, gate, steps, plan_hash, risk, containment, requester, requested_by,
        votes_needed, requested_at, expires_at)
    values(:id, :t, :change, :gate, '{1}', :hash, :risk, false, :requester, :person, :votes, :now, :expires)
""")


def _change(row: Row[Any]) -> FlagChange:
    return FlagChange(
        id=ChangeId(row.id), tenant_id=TenantId(row.tenant_id), key=row.key,
        definition=Definition.model_validate(row.definition), base_version=row.base_version, starts_at=row.starts_at,
        ttl=timedelta(seconds=row.ttl_seconds) if row.ttl_seconds is not None else None, returns=row.returns,
        purpose=row.purpose, owner=row.owner, temporary=row.temporary, proposed_by=row.proposed_by,
        person_id=PersonId(row.person_id) if row.person_id else None, reason=row.reason, risk=Risk(row.risk),
        gate=_GATES[row.gate], state=ChangeState(row.state), proposed_at=row.proposed_at, expires_at=row.expires_at,
        ended_at=row.ended_at, applied_by=row.applied_by, version=row.version,
        approval_id=ApprovalId(row.approval_id) if row.approval_id else None,
    )  # fmt: skip
