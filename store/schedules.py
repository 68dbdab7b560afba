"""Schedules of on-call, with their overrides. People are written and shown by address, and kept by id."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.errors import Refused
from spine.ids import PersonId, TenantId, derive, mint
from spine.oncall.schedule import Layer, Override, Plan, Schedule
from store import roster

_LONGEST_OVERRIDE_DAYS = 92


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A schedule as stored; its people are ids."""

    id: UUID
    tenant_id: TenantId
    """`*` = it serves every tenant."""
    version: int
    schedule: Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOverride:
    """An override that was not cancelled."""

    id: UUID
    schedule: str
    override: Override
    created_by: str


def every(connection: Connection, tenant: TenantId | None = None) -> list[Stored]:
    """All schedules, or those that serve `tenant`: its own and everybody's."""
    rows = connection.execute(
        text(
            "select id, tenant_id, name, zone, layers, version from oncall_schedules"
            " where cast(:t as text) is null or tenant_id in (:t, '*') order by tenant_id, name"
        ),
        {"t": tenant},
    ).all()
    return [_stored(connection, row) for row in rows]


def find(connection: Connection, tenant: TenantId, name: str) -> Stored | None:
    """The schedule of this name that serves `tenant`: its own before everybody's."""
    row = connection.execute(
        text(
            "select id, tenant_id, name, zone, layers, version from oncall_schedules"
            " where tenant_id in (:t, '*') and name = :name order by tenant_id = '*' limit 1"
        ),
        {"t": tenant, "name": name},
    ).one_or_none()
    return _stored(connection, row) if row else None


def put(
    connection: Connection,
    tenant: TenantId,
    name: str,
    plan: Plan,
    *,
    version: int | None,
    actor: str,
    now: datetime,
) -> Stored:
    """Write a schedule of `tenant` (`*` = for everybody); its people are addresses. `version`: that of the one it
    replaces, 0 = there must be none, None = whatever is there.

    Raises:
        Refused: `oncall.stale`, somebody changed it since; `person.unknown`, nobody here has one of the addresses.
    """
    key = derive("oncall schedule", tenant, roster.checked_name(name))
    held = roster.lock_version(connection, "oncall_schedules", key, version)
    known = roster.resolve(connection, tenant, {one for layer in plan.layers for crew in layer.people for one in crew})
    layers = [_renamed(layer, known) for layer in plan.layers]
    connection.execute(
        text(
            "insert into oncall_schedules(id, tenant_id, name, zone, layers, version, updated_at)"
            " values(:id, :t, :name, :zone, cast(:layers as jsonb), :version, :now) on conflict(id) do update set"
            " zone = excluded.zone, layers = excluded.layers, version = excluded.version, updated_at = :now"
        ),
        {
            "id": key, "t": tenant, "name": name, "zone": plan.zone, "version": held + 1, "now": now,
            "layers": json.dumps([layer.model_dump(mode="json") for layer in layers]),
        },
    )  # fmt: skip
    roster.record(connection, tenant, f"schedule:{name}", actor, now, plan.model_dump(mode="json"))
    found = find(connection, tenant, name)
    assert found is not None
    return found


def remove(connection: Connection, tenant: TenantId, name: str, *, actor: str, now: datetime) -> None:
    """Delete a schedule with its overrides. A policy that still calls it finds nobody, and goes on at once.

    Raises:
        Refused: `tenant` has none of this name.
    """
    gone = connection.execute(
        text("delete from oncall_schedules where tenant_id = :t and name = :n"), {"t": tenant, "n": name}
    ).rowcount
    if not gone:
        raise _unknown(name)
    roster.record(connection, tenant, f"schedule:{name}", actor, now, None)


def add_override(
    connection: Connection,
    tenant: TenantId,
    schedule: str,
    override: Override,
    *,
    actor: str,
    now: datetime,
    everybodys: bool = False,
) -> StoredOverride:
    """Let somebody (by address) stand in. `everybodys`: the caller may change what serves every tenant.

    Raises:
        Refused: no such schedule or person, or a time that makes no sense; `oncall.everybodys`.
    """
    found = find(connection, tenant, schedule)
    if found is None:
        raise _unknown(schedule)
    _refuse_everybodys(tenant, found.tenant_id, everybodys=everybodys)
    length = override.ends_at - override.starts_at
    if length.total_seconds() <= 0 or length.days > _LONGEST_OVERRIDE_DAYS or override.ends_at <= now:
        raise Refused(
            "oncall.override",
            f"An override ends after it begins, lies not wholly in the past, and lasts at most "
            f"{_LONGEST_OVERRIDE_DAYS} days. Nothing was written.",
        )
    known = roster.resolve(connection, tenant, override.people)
    ids = tuple(str(known[one]) for one in override.people)
    made = StoredOverride(
        id=mint(), schedule=schedule, created_by=actor,
        override=Override(people=ids, starts_at=override.starts_at, ends_at=override.ends_at, reason=override.reason),
    )  # fmt: skip
    connection.execute(
        text(
            "insert into oncall_overrides(id, tenant_id, schedule_id, people, starts_at, ends_at, reason, created_at,"
            " created_by) values(:id, :t, :s, :people, :starts, :ends, :reason, :now, :actor)"
        ),
        {
            "id": made.id, "t": found.tenant_id, "s": found.id, "people": list(ids), "starts": override.starts_at,
            "ends": override.ends_at, "reason": override.reason, "now": now, "actor": actor,
        },
    )  # fmt: skip
    told = {"override": str(made.id), "people": override.people, "reason": override.reason}
    told |= {"from": override.starts_at.isoformat(), "until": override.ends_at.isoformat()}
    roster.record(connection, found.tenant_id, f"schedule:{schedule}", actor, now, told)
    return made


def cancel_override(
    connection: Connection, tenant: TenantId, key: UUID, *, actor: str, now: datetime, everybodys: bool = False
) -> None:
    """End an override of a schedule that serves `tenant`. `everybodys` as for `add_override`; as the system role.

    Raises:
        Refused: there is none that is not over; `oncall.everybodys`.
    """
    row = connection.execute(
        text(
            "update oncall_overrides set cancelled_at = :now where id = :id and cancelled_at is null and ends_at > :now"
            " and tenant_id in (:t, '*') returning tenant_id"
        ),
        {"id": key, "now": now, "t": tenant},
    ).one_or_none()
    if row is None:
        raise Refused("oncall.override.unknown", f"There is no override {key} to come or under way.")
    _refuse_everybodys(tenant, TenantId(row.tenant_id), everybodys=everybodys)
    roster.record(connection, TenantId(row.tenant_id), f"override:{key}", actor, now, {"cancelled": True})


def overrides(connection: Connection, tenant: TenantId | None, *, since: datetime) -> list[StoredOverride]:
    """Overrides that are not over at `since`, those that begin first first."""
    rows = connection.execute(
        text(
            "select o.*, s.name as schedule from oncall_overrides o join oncall_schedules s on s.id = o.schedule_id"
            " where o.cancelled_at is null and o.ends_at > :since"
            " and (cast(:t as text) is null or o.tenant_id in (:t, '*')) order by o.starts_at, o.id"
        ),
        {"t": tenant, "since": since},
    ).all()
    return [
        StoredOverride(id=row.id, schedule=row.schedule, override=_override(row), created_by=row.created_by)
        for row in rows
    ]


def _refuse_everybodys(tenant: TenantId, owner: TenantId, *, everybodys: bool) -> None:
    """Whoever acts for one tenant changes nothing that other tenants are called by."""
    if owner != tenant and not everybodys:
        raise Refused(
            "oncall.everybodys",
            "This schedule serves every tenant: only who has a role in every tenant changes who stands in. Nothing "
            "was changed. An operator can: `opsspine oncall override`.",
        )


def _renamed(layer: Layer, known: dict[str, PersonId]) -> Layer:
    crews = tuple(tuple(str(known[one]) for one in crew) for crew in layer.people)
    return layer.model_copy(update={"people": crews})


def _unknown(name: str) -> Refused:
    return Refused(
        "oncall.schedule.unknown", f"There is no schedule {name[:80]!r} here: `opsspine oncall schedule list`."
    )


def _stored(connection: Connection, row: Row[Any]) -> Stored:
    made = connection.execute(
        text(
            "select people, starts_at, ends_at, reason from oncall_overrides"
            " where schedule_id = :id and cancelled_at is null order by created_at, id"
        ),
        {"id": row.id},
    ).all()
    return Stored(
        id=row.id, tenant_id=TenantId(row.tenant_id), version=row.version,
        schedule=Schedule(
            name=row.name, zone=row.zone, layers=tuple(Layer.model_validate(layer) for layer in row.layers),
            overrides=tuple(_override(one) for one in made),
        ),
    )  # fmt: skip


def _override(row: Row[Any]) -> Override:
    return Override(people=tuple(row.people), starts_at=row.starts_at, ends_at=row.ends_at, reason=row.reason)


def by_address(connection: Connection, layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """Layers as people wrote them: with addresses instead of ids."""
    known = roster.names(connection, (one for layer in layers for crew in layer.people for one in crew))
    told = {one: known[one].email if one in known else f"gone:{one[:8]}" for one in
            {one for layer in layers for crew in layer.people for one in crew}}  # fmt: skip
    return [
        layer.model_copy(
            update={"people": tuple(tuple(told[one] for one in crew) for crew in layer.people)}
        ).model_dump(mode="json", exclude_none=True)
        for layer in layers
    ]
