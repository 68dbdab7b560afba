"""What people said incidents were, and what was known when they opened: the examples that models learn from."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.ids import IncidentId, TenantId
from spine.incident import AUTH_KINDS, Incident
from spine.outcome import CAUSES, Outcome, Said
from store import audit, incidents
from store.attend import mine

_KINDS = [kind.value for kind in AUTH_KINDS]


def say(
    connection: Connection, tenant: TenantId, incident_id: UUID, outcome: Outcome, cause: str, *, actor: str,
    now: datetime,
) -> Incident | None:  # fmt: skip
    """Write down what `actor` says the incident was; the latest word counts. None = the tenant has no such incident.

    As the system role. `cause` is a key of CAUSES or "".
    """
    found = mine(connection, tenant, incident_id)
    if found is None:
        return None
    connection.execute(
        text(
            "insert into incident_outcomes(incident_id, tenant_id, outcome, cause, said_by, said_at)"
            " values(:incident, :tenant, :outcome, :cause, :actor, :now) on conflict (incident_id) do update"
            " set outcome = excluded.outcome, cause = excluded.cause, said_by = excluded.said_by,"
            " said_at = excluded.said_at"
        ),
        {
            "incident": found.id, "tenant": tenant, "outcome": outcome.value, "cause": cause, "actor": actor,
            "now": now,
        },
    )  # fmt: skip
    told = f"It was {outcome.value.replace('_', ' ')}" + (f": {CAUSES[cause]}" if cause else "")
    incidents.append_timeline(connection, found, now, "outcome", actor, told)
    audit.append(
        connection, tenant, AuditAction.INCIDENT_UPDATED, actor=actor, at=now, subject=f"incident:{found.id}",
        incident_id=found.id, outcome="labelled", detail={"outcome": outcome.value, "cause": cause},
    )  # fmt: skip
    return found


def said(connection: Connection, incident_id: UUID) -> Said | None:
    """What was said last, or None."""
    row = connection.execute(
        text("select outcome, cause, said_by, said_at from incident_outcomes where incident_id = :id"),
        {"id": incident_id},
    ).one_or_none()
    if row is None:
        return None
    return Said(
        incident_id=IncidentId(incident_id), outcome=Outcome(row.outcome), cause=row.cause, said_by=row.said_by,
        said_at=row.said_at,
    )  # fmt: skip


def opening(connection: Connection, incident_id: UUID) -> dict[str, Any]:
    """What was known when the incident opened; {} = nothing was kept."""
    found: dict[str, Any] | None = connection.execute(
        text("select snapshot from incident_openings where incident_id = :id"), {"id": incident_id}
    ).scalar_one_or_none()
    return found or {}


def examples(connection: Connection, since: datetime) -> list[dict[str, Any]]:
    """Ended incidents that opened at `since` or later and of which somebody said what they were, oldest first.

    Drills left out. Each with tenant_id, opened_at, snapshot, outcome, cause, said_at, and `worst`, its severity in
    the end.
    """
    rows = connection.execute(
        text(
            "select i.tenant_id, i.opened_at, o.snapshot, s.outcome, s.cause, s.said_at, i.severity as worst"
            " from incidents i join incident_openings o on o.incident_id = i.id"
            " join incident_outcomes s on s.incident_id = i.id"
            " where i.status = 'resolved' and not i.synthetic and i.opened_at >= :since and i.kind = any(:kinds)"
            " order by i.opened_at, i.id"
        ),
        {"since": since, "kinds": _KINDS},
    )
    return [dict(row) for row in rows.mappings()]


def openings(connection: Connection, since: datetime) -> list[dict[str, Any]]:
    """The snapshots of all incidents that opened at `since` or later, drills left out, oldest first."""
    rows = connection.execute(
        text(
            "select o.snapshot from incident_openings o join incidents i on i.id = o.incident_id"
            " where not i.synthetic and o.opened_at >= :since and i.kind = any(:kinds)"
            " order by o.opened_at, i.id"
        ),
        {"since": since, "kinds": _KINDS},
    )
    return [row.snapshot for row in rows]


def put_samples(connection: Connection, lines: Sequence[Mapping[str, Any]]) -> None:
    """Keep examples of simulated worlds, in the place of those that were kept of the same worlds."""
    worlds = sorted({str(line["world"]) for line in lines})
    connection.execute(text("delete from model_samples where world = any(:worlds)"), {"worlds": worlds})
    if lines:
        connection.execute(
            text("insert into model_samples(world, line) values(:world, cast(:line as jsonb))"),
            [{"world": str(line["world"]), "line": json.dumps(dict(line))} for line in lines],
        )


def samples(connection: Connection) -> list[dict[str, Any]]:
    """The examples of simulated worlds, in the order in which they came."""
    return [row.line for row in connection.execute(text("select line from model_samples order by id"))]
