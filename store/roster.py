"""What schedules and policies share: people by address and by id, versions, the audit entry of a change."""

import re
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import NO_TENANT, PersonId, TenantId
from spine.person import EVERY_TENANT, Person, PersonRef
from store import audit, people

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}")


def names(connection: Connection, ids: Iterable[str]) -> dict[str, Person]:
    """People by their id; who is gone is left out."""
    found = ((one, people.get(connection, PersonId(UUID(one)))) for one in sorted(set(ids)))
    return {one: person for one, person in found if person is not None}


def resolve(connection: Connection, tenant: TenantId, addresses: Iterable[str]) -> dict[str, PersonId]:
    """People of `tenant` by address.

    Raises:
        Refused: somebody is not known here.
    """
    found: dict[str, PersonId] = {}
    for address in sorted(set(addresses)):
        person = people.find(connection, PersonRef.by_email(address))
        if person is None or person.drill or not _belongs(person, tenant):
            raise Refused(
                "person.unknown",
                f"Nobody who has a role here has the address {address[:120]!r}. Add them first: `opsspine people add`.",
            )
        found[address] = person.id
    return found


def lock_version(connection: Connection, table: str, key: UUID, version: int | None) -> int:
    """The version of a row that is about to be replaced, locked; 0 = there is none yet.

    Raises:
        Refused: it is not `version` (None = any will do).
    """
    connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:k, 0))"), {"k": str(key)})
    row = connection.execute(
        text(f"select version from {table} where id = :id"),  # noqa: S608 - our own tables
        {"id": key},
    ).one_or_none()
    held = int(row.version) if row else 0
    if version is not None and held != version:
        raise Refused(
            "oncall.stale",
            f"It is at version {held}, not {version}: somebody changed it. Nothing was written; read it again.",
        )
    return held


def record(connection: Connection, tenant: TenantId, subject: str, actor: str, now: datetime, after: object) -> None:
    """The audit entry of a change; what serves every tenant is in the chain of the single tenant."""
    chain = NO_TENANT if tenant == EVERY_TENANT else tenant
    audit.append(
        connection, chain, AuditAction.POLICY_CHANGED, actor=actor, at=now, subject=subject, after=after
    )  # fmt: skip


def _belongs(person: Person, tenant: TenantId) -> bool:
    if person.disabled_at is not None:
        return False
    return bool(person.roles) if tenant == EVERY_TENANT else bool(person.roles_in(tenant))


def checked_name(name: str) -> str:
    """`name`, if a schedule or policy can bear it.

    Raises:
        Refused: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise Refused(
            "oncall.name",
            f"{name[:80]!r} is no name: 1 to 80 letters, digits, blanks or ._- are, a letter or digit first.",
        )
    return name
