"""People, their accounts and their roles. Read before a tenant is known: by the system role only."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from spine import totp
from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import NO_TENANT, PersonId, TenantId
from spine.person import EVERY_TENANT, Person, PersonRef, Role, normal_email, person_id
from store import audit, passkeys, recovery, sessions
from store.secrets import Vault

_SELECT = """
    select p.id, p.email, p.name, p.totp_secret is not null as enrolled, p.created_at, p.disabled_at, p.drill,
           coalesce((select jsonb_agg(jsonb_build_array(r.tenant_id, r.role)) from person_roles r
                     where r.person_id = p.id), '[]') as roles
    from people p"""


def get(connection: Connection, person: PersonId) -> Person | None:
    """The person with this id."""
    return _one(connection, "where p.id = :id", {"id": person})


def find(connection: Connection, ref: PersonRef) -> Person | None:
    """The person behind an account, disabled ones included (they have no roles); None = nobody."""
    if ref.provider == "email":
        return _one(connection, "where p.email = :email", {"email": ref.account})
    return _one(
        connection,
        "where p.id = (select person_id from person_accounts"
        " where provider = :provider and team_id = :team and account_id = :account)",
        {"provider": ref.provider, "team": ref.team, "account": ref.account},
    )


def everybody(connection: Connection) -> list[Person]:
    """All people, by address; who only stands in for them in drills is left out."""
    return [_person(row) for row in connection.execute(text(f"{_SELECT} where not p.drill order by p.email"))]


def accounts(connection: Connection, person: PersonId) -> list[PersonRef]:
    """The accounts of other systems that are known to be this person's."""
    rows = connection.execute(
        text("select provider, team_id, account_id from person_accounts where person_id = :p order by 1, 2, 3"),
        {"p": person},
    )
    return [PersonRef(row.provider, row.account_id, row.team_id) for row in rows]


def add(
    connection: Connection,
    email: str,
    name: str,
    roles: Iterable[tuple[TenantId, Role]],
    *,
    vault: Vault,
    actor: str,
    now: datetime,
    drill: bool = False,
) -> tuple[Person, str | None]:
    """Add a person, or more roles to a known one; returns the second factor's secret when a new one was made.

    A new person, and one who comes back after being disabled, gets a new second factor. With `drill` a new one decides
    on drills alone, for good.

    Raises:
        Refused: the address or a role is none that a person can have.
    """
    email, roles = normal_email(email), list(roles)
    if "@" not in email[1:-1]:
        raise Refused("person.email", f"{email!r} is no e-mail address. Give one like name@example.org.")
    if any(role is Role.ENGINE for _, role in roles):
        raise Refused("person.role", "The role 'engine' belongs to the decision engine; give a person another one.")
    known = find(connection, PersonRef.by_email(email))
    person = known.id if known else person_id(email)
    if known is None:
        insert = "insert into people(id, email, name, created_at, drill) values(:id, :email, :name, :now, :drill)"
        connection.execute(text(insert), {"id": person, "email": email, "name": name, "now": now, "drill": drill})
    secret = None
    if known is None or known.disabled_at is not None:
        connection.execute(text("update people set disabled_at = null where id = :id"), {"id": person})
        secret = enrol(connection, person, vault=vault)
    for tenant, role in roles:
        insert = "insert into person_roles(person_id, tenant_id, role) values(:p, :t, :r) on conflict do nothing"
        connection.execute(text(insert), {"p": person, "t": tenant, "r": role.value})
    made = _must(connection, person)
    for tenant in sorted({tenant for tenant, _ in roles} or {EVERY_TENANT}):
        # what somebody holds in another tenant is not this one's to read
        told = None if tenant == EVERY_TENANT else {tenant, EVERY_TENANT}
        _record(connection, tenant, made, actor, now, before=_shown(known, told), after=_shown(made, told))
    return made, secret


def enrol(connection: Connection, person: PersonId, *, vault: Vault) -> str:
    """Give `person` a new second factor; the old one ends. Returns the secret, to be shown once."""
    secret = totp.new_secret()
    connection.execute(
        text("update people set totp_secret = :sealed, totp_last_step = -1 where id = :id"),
        {"sealed": vault.seal(secret.encode(), str(person)), "id": person},
    )
    return secret


def keep_authenticator(
    connection: Connection, person: Person, secret: str, step: int, *, vault: Vault, now: datetime
) -> None:
    """Make `secret` the person's second factor: they have just shown its code of `step`, which is used up by that."""
    connection.execute(
        text("update people set totp_secret = :sealed, totp_last_step = :step where id = :id"),
        {"sealed": vault.seal(secret.encode(), str(person.id)), "step": step, "id": person.id},
    )
    actor = f"person:{person.email}"
    _record(connection, EVERY_TENANT, person, actor, now, before=None, after={"second_factor": "set up"})


def renew(connection: Connection, email: str, *, vault: Vault, actor: str, now: datetime) -> tuple[Person, str]:
    """A new second factor for a known person who lost theirs; their sessions end, for whoever found it.

    Raises:
        Refused: nobody has this address.
    """
    person = by_email(connection, email)
    secret = enrol(connection, person.id, vault=vault)
    sessions.end_all(connection, person.id, now=now)
    _record(connection, EVERY_TENANT, person, actor, now, before=None, after={"second_factor": "renewed"})
    return person, secret


def link(connection: Connection, email: str, account: PersonRef, *, actor: str, now: datetime) -> Person:
    """Note that `account` is this person's; from then on its clicks are theirs.

    Raises:
        Refused: nobody has this address, or the account is somebody else's.
    """
    person = by_email(connection, email)
    owner = find(connection, account)
    if owner is not None and owner.id != person.id:
        raise Refused("person.account", f"{account} belongs to {owner.email}. One account is one person's.")
    insert = "insert into person_accounts values(:provider, :team, :account, :person) on conflict do nothing"
    values = {"provider": account.provider, "team": account.team, "account": account.account, "person": person.id}
    connection.execute(text(insert), values)
    owner = find(connection, account)  # somebody may have been faster: then nothing was inserted
    if owner is None or owner.id != person.id:
        raise Refused("person.account", f"{account} belongs to somebody else. One account is one person's.")
    _record(connection, EVERY_TENANT, person, actor, now, before=None, after={"account": str(account)})
    return person


def disable(connection: Connection, email: str, *, actor: str, now: datetime) -> Person:
    """Take away everything at once: roles everywhere, sessions, passkeys and recovery codes.

    Raises:
        Refused: nobody has this address.
    """
    person = by_email(connection, email)
    connection.execute(text("update people set disabled_at = :now where id = :id"), {"now": now, "id": person.id})
    connection.execute(text("delete from person_roles where person_id = :id"), {"id": person.id})
    sessions.end_all(connection, person.id, now=now)
    passkeys.forget_all(connection, person, now=now)
    recovery.end_all(connection, person.id)
    disabled = _must(connection, person.id)
    _record(connection, EVERY_TENANT, person, actor, now, before=_shown(person), after=_shown(disabled))
    return disabled


def by_email(connection: Connection, email: str) -> Person:
    """The person with this address.

    Raises:
        Refused: there is none.
    """
    person = find(connection, PersonRef.by_email(email))
    if person is None:
        raise Refused("person.unknown", f"Nobody has the address {email}. Add them with `opsspine people add`.")
    return person


def _record(
    connection: Connection,
    tenant: TenantId,
    person: Person,
    actor: str,
    now: datetime,
    *,
    before: object,
    after: object,
) -> None:
    """People stand above tenants: what holds for all of them is written in the chain of the single tenant."""
    chain = NO_TENANT if tenant == EVERY_TENANT else tenant
    audit.append(
        connection, chain, AuditAction.POLICY_CHANGED, actor=actor, at=now, subject=f"person:{person.email}",
        before=before, after=after,
    )  # fmt: skip


def _shown(person: Person | None, tenants: Collection[TenantId] | None = None) -> dict[str, Any] | None:
    """As the trail has it; None = with the roles in all tenants."""
    if person is None:
        return None
    roles = {t: sorted(held) for t, held in person.roles.items() if tenants is None or t in tenants}
    return {"name": person.name, "roles": roles, "disabled": person.disabled_at is not None}


def _must(connection: Connection, person: PersonId) -> Person:
    found = get(connection, person)
    assert found is not None
    return found


def _one(connection: Connection, where: str, values: dict[str, Any]) -> Person | None:
    row = connection.execute(text(f"{_SELECT} {where}"), values).one_or_none()
    return _person(row) if row else None


def _person(row: Row[Any]) -> Person:
    roles: dict[TenantId, frozenset[Role]] = {}
    for tenant, role in row.roles:
        roles[TenantId(tenant)] = roles.get(TenantId(tenant), frozenset()) | {Role(role)}
    return Person(
        id=PersonId(row.id), email=row.email, name=row.name, roles=roles, enrolled=row.enrolled,
        created_at=row.created_at, disabled_at=row.disabled_at, drill=row.drill,
    )  # fmt: skip
