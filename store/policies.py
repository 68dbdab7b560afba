"""Escalation policies: who is called after whom. Frozen into each escalation when it begins."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.errors import Refused
from spine.ids import PersonId, TenantId, derive
from spine.oncall.policy import Policy, PolicyStep
from spine.person import EVERY_TENANT
from store import roster, schedules

_PERSON = "person:"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPolicy:
    """A policy as stored; people in its targets are ids."""

    tenant_id: TenantId
    name: str
    version: int
    policy: Policy


def every(connection: Connection, tenant: TenantId | None = None) -> list[StoredPolicy]:
    """All policies, or those that serve `tenant`: its own first, then everybody's."""
    rows = connection.execute(
        text(
            "select tenant_id, name, body, version from oncall_policies"
            " where cast(:t as text) is null or tenant_id in (:t, '*') order by tenant_id = '*', tenant_id, name"
        ),
        {"t": tenant},
    ).all()
    return [_stored(row) for row in rows]


def put(
    connection: Connection,
    tenant: TenantId,
    name: str,
    policy: Policy,
    *,
    version: int | None,
    actor: str,
    now: datetime,
) -> StoredPolicy:
    """Write a policy of `tenant` (`*` = for everybody); people in it are addresses. Escalations under way keep theirs.

    Raises:
        Refused: `oncall.stale`, somebody changed it since; a step calls a schedule or a person that does not exist.
    """
    roster.checked_name(name)
    key = derive("oncall policy", tenant, name)
    held = roster.lock_version(connection, "oncall_policies", key, version)
    kept = policy.model_copy(update={"steps": tuple(_by_id(connection, tenant, step) for step in policy.steps)})
    connection.execute(
        text(
            "insert into oncall_policies(id, tenant_id, name, body, version, updated_at)"
            " values(:id, :t, :name, cast(:body as jsonb), :version, :now)"
            " on conflict(id) do update set body = excluded.body, version = excluded.version, updated_at = :now"
        ),
        {
            "id": key, "t": tenant, "name": name, "body": json.dumps(kept.model_dump(mode="json")),
            "version": held + 1, "now": now,
        },
    )  # fmt: skip
    roster.record(connection, tenant, f"policy:{name}", actor, now, policy.model_dump(mode="json"))
    return StoredPolicy(tenant_id=tenant, name=name, version=held + 1, policy=kept)


def remove(connection: Connection, tenant: TenantId, name: str, *, actor: str, now: datetime) -> None:
    """Delete a policy. Escalations under way keep what they had.

    Raises:
        Refused: `tenant` has none of this name.
    """
    gone = connection.execute(
        text("delete from oncall_policies where tenant_id = :t and name = :n"), {"t": tenant, "n": name}
    ).rowcount
    if not gone:
        raise Refused(
            "oncall.policy.unknown", f"There is no policy {name[:80]!r} here: `opsspine oncall policies list`."
        )
    roster.record(connection, tenant, f"policy:{name}", actor, now, None)


def by_address(connection: Connection, policy: Policy) -> dict[str, Any]:
    """A policy as people wrote it: with addresses instead of ids."""
    shown = policy.model_dump(mode="json")
    for step in shown["steps"]:
        step["targets"] = [told(connection, target) for target in step["targets"]]
    return shown


def _by_id(connection: Connection, tenant: TenantId, step: PolicyStep) -> PolicyStep:
    kept: list[str] = []
    for target in step.targets:
        kind, _, name = target.partition(":")
        if kind == "schedule" and schedules.find(connection, tenant, name) is None:
            where = "for every tenant" if tenant == EVERY_TENANT else "here"
            raise Refused(
                "oncall.schedule.unknown",
                f"A step calls the schedule {name[:80]!r}, and there is none {where}. Make it first, so that a page "
                "never goes to nobody.",
            )
        named = kind == "person"
        kept.append(f"{_PERSON}{roster.resolve(connection, tenant, [name])[name]}" if named else target)
    return step.model_copy(update={"targets": tuple(kept)})


def told(connection: Connection, target: str) -> str:
    """A stored target as people wrote it: somebody by address."""
    if not target.startswith(_PERSON):
        return target
    key = target.removeprefix(_PERSON)
    found = roster.names(connection, [key]).get(key)
    return f"{_PERSON}{found.email}" if found else target


def _stored(row: Row[Any]) -> StoredPolicy:
    return StoredPolicy(
        tenant_id=TenantId(row.tenant_id), name=row.name, version=row.version, policy=Policy.model_validate(row.body)
    )


def person_of(target: str) -> PersonId | None:
    """The person a stored target names; None = it names none."""
    return PersonId(UUID(target.removeprefix(_PERSON))) if target.startswith(_PERSON) else None
