"""The ledger: every mitigation that was meant, from intent to its end.

All writes run in the system role. A write names the fencing token of the run that makes it: once another
run has taken the incident, or the lease moved on, the write is refused.
"""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.errors import Fenced, Refused
from spine.ids import IncidentId, LeaseId, TenantId
from spine.lease import Lease, LeaseState, check_transition

_SETTABLE = {
    "pre_image": "cast(:pre_image as jsonb)",
    "receipt": "cast(:receipt as jsonb)",
    **{
        name: f":{name}"
        for name in (
            "applied_at", "expires_at", "reverted_at", "late_seconds", "attempts", "next_attempt_at", "error",
            "revert_reason",
        )
    },
}  # fmt: skip
OPEN = "state <> 'reverted' and (ttl_seconds is not null or state not in ('active', 'verified'))"
"""SQL: the lease has an end before it. What leaves nothing behind (a snapshot, a message) is over once applied."""


def intend(connection: Connection, lease: Lease) -> Lease:
    """Write down what is meant; meant again it is the lease that is there already. A drill's becomes a shadow.

    Raises:
        Refused: its time to live is not positive.
    """
    if lease.ttl_seconds is not None and lease.ttl_seconds <= 0:
        raise Refused(
            "lease.ttl", f"A time to live of {lease.ttl_seconds} s has ended before it began; nothing was written"
        )
    connection.execute(
        text(
            "insert into leases(id, tenant_id, incident_id, decision_id, step, action_key, shadow, params, targets,"
            " state, fence, expected_version, ttl_seconds, created_at, next_attempt_at) values(:id, :tenant, :incident,"
            " :decision, :step, :action, (select synthetic from incidents where id = :incident),"
            " cast(:params as jsonb), :targets, 'intended', :fence, :expected_version, :ttl,"
            " :created, :next) on conflict do nothing"
        ),
        {
            "id": lease.id, "tenant": lease.tenant_id, "incident": lease.incident_id, "decision": lease.decision_id,
            "step": lease.step, "action": lease.action_key, "params": json.dumps(lease.params),
            "targets": list(lease.targets), "fence": lease.fence,
            "expected_version": lease.expected_version, "ttl": lease.ttl_seconds,
            "created": lease.created_at, "next": lease.next_attempt_at,
        },
    )  # fmt: skip
    return get(connection, lease.id)


def get(connection: Connection, lease_id: UUID) -> Lease:
    """The lease.

    Raises:
        Refused: there is none with this id that the caller may see.
    """
    row = connection.execute(text("select * from leases where id = :id"), {"id": lease_id}).one_or_none()
    if row is None:
        raise Refused("lease.unknown", f"There is no lease {lease_id}; `opsspine leases list` shows those there are")
    return from_row(row)


def lock(connection: Connection, lease_id: UUID, fence: int | None) -> Lease:
    """The lease, locked until the transaction ends, for a run with this fencing token.

    A newer run's token takes the lease over: from here on older ones are refused. None = whoever finds it
    (reconcile): it takes no part in the race of runs, the lock and the state alone protect it.

    Raises:
        Fenced: `lease.fenced`, a newer run, or people, took the incident or the lease.
        Refused: there is no such lease.
    """
    row = connection.execute(text("select * from leases where id = :id for update"), {"id": lease_id}).one_or_none()
    if row is None:
        raise Refused("lease.unknown", f"There is no lease {lease_id}; `opsspine leases list` shows those there are")
    if fence is None:
        return from_row(row)
    newest: int = connection.execute(
        text("select fence from incidents where id = :id"), {"id": row.incident_id}
    ).scalar_one()
    if fence < max(newest, row.fence):
        raise Fenced(
            "lease.fenced",
            f"The lease was taken over from this run (token {fence}; now it is {max(newest, row.fence)}): a newer run "
            "continues, or people closed the incident or took it in hand. Nothing was done.",
        )
    if fence > row.fence:
        row = connection.execute(
            text("update leases set fence = :fence where id = :id returning *"),
            {"fence": fence, "id": lease_id},
        ).one()
    return from_row(row)


def advance(
    connection: Connection, lease_id: UUID, new: LeaseState, *, expected: LeaseState, fence: int, **columns: Any
) -> Lease:
    """Move the lease on, if it still is in `expected` and still belongs to `fence`.

    Raises:
        Refused: `lease.transition` for a step the states forbid, `lease.moved` when somebody was faster.
    """
    check_transition(expected, new)
    values: dict[str, Any] = {
        name: json.dumps(value, default=str) if name in ("pre_image", "receipt") and value is not None else value
        for name, value in columns.items()
    }
    changes = "".join(f", {name} = {_SETTABLE[name]}" for name in columns)
    row = connection.execute(
        text(
            f"update leases set state = :new{changes}"  # noqa: S608 - names from a constant table
            " where id = :id and state = :expected and fence = :fence returning *"
        ),
        {**values, "id": lease_id, "new": new.value, "expected": expected.value, "fence": fence},
    ).one_or_none()
    if row is None:
        raise _moved(lease_id, expected)
    return from_row(row)


def prolong(connection: Connection, lease: Lease, until: datetime) -> Lease:
    """Let a lease that is in force, or on its way there, last until `until`.

    Raises:
        Refused: `lease.moved`, it is on its way back, or has ended.
    """
    row = connection.execute(
        text(
            "update leases set expires_at = :until where id = :id"
            " and state in ('applying', 'unknown', 'active', 'verified') and fence = :fence returning *"
        ),
        {"until": until, "id": lease.id, "fence": lease.fence},
    ).one_or_none()
    if row is None:
        raise Refused("lease.moved", f"The lease {lease.id} is no longer in force; it was not prolonged")
    return from_row(row)


def note(connection: Connection, lease: Lease, *, attempts: int, next_attempt_at: datetime, error: str) -> Lease:
    """Write down another vain attempt; the state stays.

    Raises:
        Refused: `lease.moved`, somebody was faster.
    """
    row = connection.execute(
        text(
            "update leases set attempts = :attempts, next_attempt_at = :next, error = :error"
            " where id = :id and state = :state and fence = :fence returning *"
        ),
        {
            "attempts": attempts, "next": next_attempt_at, "error": error,
            "id": lease.id, "state": lease.state.value, "fence": lease.fence,
        },
    ).one_or_none()  # fmt: skip
    if row is None:
        raise _moved(lease.id, lease.state)
    return from_row(row)


def claim(
    connection: Connection, lease: Lease, *, pre_image: dict[str, Any], next_attempt_at: datetime | None
) -> Lease:
    """Write down what was there before an effect beyond our store, and until when nobody else takes over.

    Raises:
        Refused: `lease.moved`, somebody was faster.
    """
    row = connection.execute(
        text(
            "update leases set pre_image = cast(:image as jsonb), next_attempt_at = :next"
            " where id = :id and state = :state and fence = :fence returning *"
        ),
        {
            "image": json.dumps(pre_image, default=str), "next": next_attempt_at,
            "id": lease.id, "state": lease.state.value, "fence": lease.fence,
        },
    ).one_or_none()  # fmt: skip
    if row is None:
        raise _moved(lease.id, lease.state)
    return from_row(row)


def due(connection: Connection, now: datetime) -> list[Lease]:
    """Leases whose time is over, longest overdue first."""
    return _select(connection, "state in ('active', 'verified') and expires_at <= :now order by expires_at", now=now)


def eased(connection: Connection, now: datetime) -> list[Lease]:
    """Leases that let people go in stages now, and have not ended."""
    return _select(
        connection,
        "state in ('active', 'verified') and not shadow and expires_at > :now and exists(select from flag_holds h,"
        " jsonb_array_elements(h.easing) stage where h.lease_id = leases.id and h.released_at is null"
        " and h.expires_at - make_interval(secs => (stage->>0)::float8) <= :now) order by expires_at",
        now=now,
    )


def unfinished(connection: Connection, now: datetime) -> list[Lease]:
    """Leases somebody began to move and has not finished within their grace: a dead process left them."""
    return _select(
        connection,
        "state in ('intended', 'applying', 'unknown', 'reverting', 'revert_failed') and next_attempt_at <= :now"
        " order by next_attempt_at",
        now=now,
    )


def list_unknown(connection: Connection) -> list[Lease]:
    """Leases whose outcome is not known."""
    return _select(connection, "state = 'unknown' order by created_at")


def of_incident(connection: Connection, incident: IncidentId) -> list[Lease]:
    """Every lease of an incident, in the order they were meant."""
    return _select(connection, "incident_id = :incident order by created_at, step", incident=incident)


def list_live(connection: Connection, tenant: TenantId | None = None) -> list[Lease]:
    """Every lease that has an end before it (of one tenant), newest first."""
    return _select(
        connection,
        f"{OPEN} and (cast(:tenant as text) is null or tenant_id = :tenant) order by created_at desc",
        tenant=tenant,
    )


def list_of_action(
    connection: Connection, tenant: TenantId, action: str, states: Collection[LeaseState]
) -> list[Lease]:
    """A tenant's leases of one action that are in one of `states`, newest first."""
    return _select(
        connection,
        "tenant_id = :tenant and action_key = :action and state = any(:states) order by created_at desc",
        tenant=tenant, action=action, states=[one.value for one in states],
    )  # fmt: skip


def _moved(lease_id: UUID, expected: LeaseState) -> Refused:
    return Refused(
        "lease.moved",
        f"The lease {lease_id} is no longer {expected.value}, or belongs to a newer run: somebody was faster. "
        "Nothing was written.",
    )


def _select(connection: Connection, where: str, **values: Any) -> list[Lease]:
    rows = connection.execute(text(f"select * from leases where {where}"), values)  # noqa: S608 - constants
    return [from_row(row) for row in rows]


def from_row(row: Row[Any]) -> Lease:
    """A lease out of its row."""
    values = dict(row._mapping)
    values.update(
        id=LeaseId(row.id), tenant_id=TenantId(row.tenant_id), incident_id=IncidentId(row.incident_id),
        targets=tuple(row.targets), state=LeaseState(row.state),
    )  # fmt: skip
    return Lease(**values)
