"""People as one tenant sees them: who holds a role in it, here or everywhere. Nobody else is there at all."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.ids import PersonId
from spine.person import EVERY_TENANT, Role
from store.read.page import Page, Place, newest_first

_SELECT = """select id, email, name, created_at, disabled_at,
        array(select role from person_roles r where r.person_id = p.id and r.tenant_id <> :every order by role) as here,
        array(select role from person_roles r where r.person_id = p.id and r.tenant_id = :every order by role) as every
    from people p where not drill"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody with a role in the tenant."""

    id: PersonId
    email: str
    name: str
    created_at: datetime
    disabled_at: datetime | None
    roles: tuple[Role, ...]
    """Held in this tenant."""
    everywhere: tuple[Role, ...]
    """Held in every tenant: changed by an operator, not from within one tenant."""


def members(connection: Connection, *, limit: int, after: Place | None = None) -> Page[Member]:
    """The tenant's people, newest first."""
    values = {"every": EVERY_TENANT}
    return newest_first(connection, _SELECT, values, time="created_at", limit=limit, after=after, make=_member)


def member(connection: Connection, key: UUID) -> Member | None:
    """One person of the tenant, or None."""
    row = connection.execute(text(f"{_SELECT} and id = :id"), {"id": key, "every": EVERY_TENANT}).one_or_none()
    return _member(row) if row else None


def _member(row: Row[Any]) -> Member:
    return Member(
        id=PersonId(row.id), email=row.email, name=row.name, created_at=row.created_at, disabled_at=row.disabled_at,
        roles=tuple(Role(role) for role in row.here), everywhere=tuple(Role(role) for role in row.every),
    )  # fmt: skip
