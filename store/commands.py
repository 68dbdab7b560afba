"""Commands in PostgreSQL: written by the edge, carried out by a run, once."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction, entry
from spine.command import Command, CommandKind, CommandState, Wanted
from spine.ids import CommandId, IncidentId, LeaseId, PersonId, TenantId
from spine.person import Role
from store import audit


def put(connection: Connection, command: Command) -> UUID:
    """Write a command with its audit entry; returns the entry's id. Written again, it is the one that is there.

    Runs as the tenant: row-level security keeps it to its own. That its incident is the tenant's is the caller's
    to see, for foreign keys look past row-level security.
    """
    written = connection.execute(
        text(
            "insert into commands(id, tenant_id, kind, incident_id, lease_id, actor, person_id, maker_id, role, reason,"
            " actions, request, commanded_at) values(:id, :tenant, :kind, :incident, :lease, :actor, :person, :maker,"
            " :role, :reason, cast(:actions as jsonb), :request, :at) on conflict do nothing"
        ),
        {
            "id": command.id, "tenant": command.tenant_id, "kind": command.kind.value,
            "incident": command.incident_id, "lease": command.lease_id, "actor": command.actor,
            "person": command.person_id, "maker": command.maker_id, "role": command.role.value,
            "reason": command.reason,
            "actions": json.dumps([one.model_dump(mode="json") for one in command.actions]),
            "request": command.request, "at": command.commanded_at,
        },
    )  # fmt: skip
    told = entry(
        command.tenant_id, AuditAction.INCIDENT_UPDATED, actor=command.actor, at=command.commanded_at,
        subject=f"command:{command.id}", incident_id=command.incident_id, outcome="commanded",
        detail={
            "kind": command.kind.value, "reason": command.reason, "request": command.request,
            "lease": command.lease_id, "actions": [one.model_dump(mode="json") for one in command.actions],
        },
    )  # fmt: skip
    if written.rowcount:
        audit.append_many(connection, command.tenant_id, [told])
    return told.id


def get(connection: Connection, command: UUID) -> Command | None:
    """The command, or None."""
    row = connection.execute(text("select * from commands where id = :id"), {"id": command}).one_or_none()
    return _command(row) if row else None


def waits(connection: Connection, command: CommandId) -> bool:
    """True while nobody has written down what came of the command."""
    query = text("select exists(select from commands where id = :id and state = 'waiting')")
    return bool(connection.execute(query, {"id": command}).scalar_one())


def begin(connection: Connection, command: CommandId) -> Command | None:
    """Count another attempt at a waiting command; None = it is finished, or there is none."""
    row = connection.execute(
        text("update commands set attempts = attempts + 1 where id = :id and state = 'waiting' returning *"),
        {"id": command},
    ).one_or_none()
    return _command(row) if row else None


def finish(
    connection: Connection, command: CommandId, state: CommandState, outcome: dict[str, Any], *, now: datetime
) -> bool:
    """Write down what came of a command; False when somebody else did first."""
    done = connection.execute(
        text(
            "update commands set state = :state, outcome = cast(:outcome as jsonb), finished_at = :now"
            " where id = :id and state = 'waiting'"
        ),
        {"id": command, "state": state.value, "outcome": json.dumps(outcome, default=str), "now": now},
    )
    return done.rowcount == 1


def left(connection: Connection, now: datetime, patience: timedelta) -> list[Command]:
    """Commands that have waited for longer than `patience`, oldest first: the call that starts their run was lost."""
    rows = connection.execute(
        text("select * from commands where state = 'waiting' and commanded_at <= :before order by commanded_at, id"),
        {"before": now - patience},
    )
    return [_command(row) for row in rows]


def _command(row: Row[Any]) -> Command:
    values = dict(row._mapping)
    return Command(
        **values
        | {
            "id": CommandId(row.id), "tenant_id": TenantId(row.tenant_id), "kind": CommandKind(row.kind),
            "incident_id": IncidentId(row.incident_id), "role": Role(row.role), "state": CommandState(row.state),
            "lease_id": LeaseId(row.lease_id) if row.lease_id else None,
            "person_id": PersonId(row.person_id) if row.person_id else None,
            "maker_id": PersonId(row.maker_id) if row.maker_id else None,
            "actions": tuple(Wanted.model_validate(one) for one in row.actions),
        }
    )  # fmt: skip
