"""Roles of one tenant: who holds which. What somebody holds everywhere is not changed from within one tenant."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import PersonId, TenantId
from spine.person import EVERY_TENANT, Role
from store import audit


def set_roles(
    connection: Connection, tenant: TenantId, person: PersonId, email: str, roles: Collection[Role], *,
    actor: str, now: datetime,
) -> None:  # fmt: skip
    """Make `roles` what somebody holds in `tenant`, no more and no less, and write the audit entry.

    Raises:
        Refused: `engine` is no person's role, or nobody would be left who may give roles.
    """
    if Role.ENGINE in roles:
        raise Refused("person.role", "The role 'engine' belongs to the decision engine; give a person another one.")
    before = _held(connection, tenant, person)
    connection.execute(
        text("delete from person_roles where person_id = :p and tenant_id = :t"), {"p": person, "t": tenant}
    )
    for role in roles:
        connection.execute(
            text("insert into person_roles(person_id, tenant_id, role) values(:p, :t, :r)"),
            {"p": person, "t": tenant, "r": role.value},
        )
    if Role.SECURITY_ADMIN.value in before and not _somebody_left(connection, tenant):
        raise Refused(
            "person.last_admin",
            "They are the last security admin of this tenant: nobody could give roles any more. "
            "Make somebody else one first.",
        )
    audit.append(
        connection, tenant, AuditAction.POLICY_CHANGED, actor=actor, at=now, subject=f"person:{email}",
        before={"roles": before}, after={"roles": sorted(role.value for role in roles)},
    )  # fmt: skip


def _held(connection: Connection, tenant: TenantId, person: PersonId) -> list[str]:
    query = text("select role from person_roles where person_id = :p and tenant_id = :t order by role for update")
    return list(connection.execute(query, {"p": person, "t": tenant}).scalars())


def _somebody_left(connection: Connection, tenant: TenantId) -> bool:
    """True while somebody who is not disabled is a security admin here."""
    query = text(
        "select exists(select from person_roles r join people p on p.id = r.person_id where r.role = :admin"
        " and r.tenant_id in (:tenant, :every) and p.disabled_at is null and not p.drill)"
    )
    values = {"admin": Role.SECURITY_ADMIN.value, "tenant": tenant, "every": EVERY_TENANT}
    return bool(connection.execute(query, values).scalar_one())
