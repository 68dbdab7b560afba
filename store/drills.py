"""Drills in PostgreSQL: which one runs, what came of it, and when a kind of incident was last rehearsed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction
from spine.drill_score import Assertion
from spine.errors import Refused
from spine.ids import IncidentId, TenantId
from spine.incident import IncidentKind
from store import audit, keys


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRun:
    """One drill as it was, or is, played."""

    id: str
    """Of its flow run; its events and its incident bear it as their `drill_id`."""
    tenant_id: TenantId
    kind: IncidentKind
    name: str
    negative: bool
    seed: int
    unattended: bool
    """It decides by itself, by people who exist for it alone."""
    who: str
    started_at: datetime
    gives_up_at: datetime
    incident_id: IncidentId | None = None
    finished_at: datetime | None = None
    passed: bool | None = None
    """None = it runs."""
    score: float | None = None
    """Share of its assertions that hold (0..1)."""
    assertions: tuple[Assertion, ...] = ()


def key_name(drill_id: str) -> str:
    """Under which name the key of a drill's evidence stands in the audit trail."""
    return f"drill:{drill_id}"


def begin(connection: Connection, run: DrillRun) -> None:
    """Register a drill: from now on its evidence is accepted.

    Raises:
        Refused: one of this id was played already.
    """
    done = connection.execute(
        text(
            "insert into drills(id, tenant_id, kind, name, negative, seed, unattended, who, started_at, gives_up_at)"
            " values(:id, :tenant_id, :kind, :name, :negative, :seed, :unattended, :who, :started_at, :gives_up_at)"
            " on conflict do nothing"
        ),
        {**asdict(run), "kind": run.kind.value},
    )
    if not done.rowcount:
        raise Refused("drill.again", f"The drill {run.id} was played already; start a new one.")


def opened(connection: Connection, drill_id: str, incident: IncidentId) -> None:
    """Note the incident a drill is about."""
    connection.execute(text("update drills set incident_id = :i where id = :id"), {"i": incident, "id": drill_id})


def finish(
    connection: Connection, drill_id: str, *, passed: bool, score: float, assertions: Sequence[Assertion], at: datetime
) -> bool:
    """Write down what came of a drill, with its audit entry; its evidence is refused from now on, and its key ends.
    False = it had ended before."""
    row = connection.execute(
        text(
            "update drills set finished_at = :at, passed = :passed, score = :score,"
            " assertions = cast(:assertions as jsonb) where id = :id and finished_at is null returning *"
        ),
        {
            "at": at, "passed": passed, "score": score, "id": drill_id,
            "assertions": json.dumps([asdict(one) for one in assertions]),
        },
    ).one_or_none()  # fmt: skip
    if row is None:
        return False
    run = from_row(row)
    keys.revoke_key(connection, run.tenant_id, key_name(run.id), now=at, actor=run.who)
    audit.append(
        connection, run.tenant_id, AuditAction.RUNBOOK_RUN, actor=run.who, at=at, subject=f"drill:{run.id}",
        incident_id=run.incident_id, outcome="passed" if passed else "failed",
        detail={
            "kind": run.kind.value, "drill": run.name, "negative": run.negative, "seed": run.seed,
            "unattended": run.unattended, "score": round(score, 3),
            "failed": [one.name for one in assertions if not one.passed],
        },
    )  # fmt: skip
    return True


def get(connection: Connection, drill_id: str) -> DrillRun | None:
    """The drill with this id."""
    found = _some(connection, "where id = :id", {"id": drill_id})
    return found[0] if found else None


def running(connection: Connection, tenant: TenantId, now: datetime) -> set[str]:
    """Drills of `tenant` whose evidence is accepted at `now`."""
    rows = connection.execute(
        text("select id from drills where tenant_id = :t and finished_at is null and gives_up_at > :now"),
        {"t": tenant, "now": now},
    )
    return set(rows.scalars())


def abandoned(connection: Connection, now: datetime) -> list[DrillRun]:
    """Drills that should have ended long ago: whatever played them is gone."""
    return _some(connection, "where finished_at is null and gives_up_at <= :now order by started_at", {"now": now})


def asks_people(connection: Connection, drill_id: str | None) -> bool:
    """True when a drill's questions go to real people; one that was never registered asks nobody."""
    query = text("select not unattended from drills where id = :id")
    return bool(connection.execute(query, {"id": drill_id}).scalar_one_or_none())


def last_passed(connection: Connection) -> Mapping[IncidentKind, datetime]:
    """When each kind's runbook last came through a drill in which something opened."""
    rows = connection.execute(
        text("select kind, max(finished_at) as at from drills where passed and not negative group by kind")
    )
    return {IncidentKind(row.kind): row.at for row in rows}


def latest(connection: Connection) -> list[DrillRun]:
    """The last ended drill of every kind and name."""
    return _some(
        connection,
        "where id in (select distinct on (kind, name) id from drills where finished_at is not null"
        " order by kind, name, finished_at desc) order by kind, negative, name",
        {},
    )


def installed_at(connection: Connection) -> datetime:
    """Since when this installation exists."""
    found: datetime = connection.execute(text("select min(at) from installation")).scalar_one()
    return found


def _some(connection: Connection, where: str, values: Mapping[str, Any]) -> list[DrillRun]:
    rows = connection.execute(text(f"select * from drills {where}"), dict(values))  # noqa: S608 - our own words
    return [from_row(row) for row in rows]


def from_row(row: Row[Any]) -> DrillRun:
    """A drill out of its row."""
    values = dict(row._mapping) | {
        "tenant_id": TenantId(row.tenant_id),
        "kind": IncidentKind(row.kind),
        "incident_id": IncidentId(row.incident_id) if row.incident_id else None,
        "assertions": tuple(Assertion(**one) for one in row.assertions),
    }
    return DrillRun(**values)
