"""Passkeys of people: what is needed to know one again. Adding and removing are audited here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction
from spine.ids import NO_TENANT, PersonId
from spine.person import Person
from store import audit

_COLUMNS = "id, person_id, name, public_key, sign_count, synced, created_at, last_used_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """One credential of one person."""

    id: bytes
    person_id: PersonId
    name: str
    public_key: bytes
    """COSE."""
    sign_count: int
    """0 = the authenticator does not count."""
    synced: bool
    created_at: datetime
    last_used_at: datetime | None = None


def of(connection: Connection, person: PersonId) -> list[Passkey]:
    """A person's passkeys, the oldest first."""
    query = text(f"select {_COLUMNS} from passkeys where person_id = :p order by created_at, id")  # noqa: S608
    return [_passkey(row) for row in connection.execute(query, {"p": person})]


def locked(connection: Connection, credential: bytes) -> Passkey | None:
    """The passkey with this id, locked to the end of the transaction: its count is compared and set in one."""
    query = text(f"select {_COLUMNS} from passkeys where id = :id for update")  # noqa: S608 - constants
    row = connection.execute(query, {"id": credential}).one_or_none()
    return _passkey(row) if row else None


def add(connection: Connection, passkey: Passkey, person: Person) -> bool:
    """Keep a new passkey of `person`; False = this credential is known already."""
    inserted = connection.execute(
        text(
            "insert into passkeys(id, person_id, name, public_key, sign_count, synced, created_at)"
            " values(:id, :person, :name, :key, :count, :synced, :at) on conflict do nothing"
        ),
        {
            "id": passkey.id, "person": passkey.person_id, "name": passkey.name, "key": passkey.public_key,
            "count": passkey.sign_count, "synced": passkey.synced, "at": passkey.created_at,
        },
    ).rowcount  # fmt: skip
    if inserted:
        _record(connection, person, passkey.created_at, None, {"passkey": passkey.name})
    return bool(inserted)


def used(connection: Connection, credential: bytes, sign_count: int, *, now: datetime) -> None:
    """Note a use, and how far the authenticator has counted."""
    query = text("update passkeys set sign_count = :n, last_used_at = :now where id = :id")
    connection.execute(query, {"n": sign_count, "now": now, "id": credential})


def remove(connection: Connection, credential: bytes, person: Person, *, now: datetime) -> bool:
    """Forget a passkey of `person`; False = they have no such one."""
    row = connection.execute(
        text("delete from passkeys where id = :id and person_id = :p returning name"),
        {"id": credential, "p": person.id},
    ).one_or_none()
    if row is None:
        return False
    _record(connection, person, now, {"passkey": row.name}, None)
    return True


def forget_all(connection: Connection, person: Person, *, now: datetime) -> None:
    """Forget every passkey of `person`: what is lost, or not theirs any more, opens nothing."""
    query = text("delete from passkeys where person_id = :p returning name")
    names = sorted(row.name for row in connection.execute(query, {"p": person.id}))
    if names:
        _record(connection, person, now, {"passkeys": names}, None)


def _record(connection: Connection, person: Person, now: datetime, before: object, after: object) -> None:
    audit.append(
        connection, NO_TENANT, AuditAction.POLICY_CHANGED, actor=f"person:{person.email}", at=now,
        subject=f"person:{person.email}", before=before, after=after,
    )  # fmt: skip


def _passkey(row: Row[Any]) -> Passkey:
    return Passkey(
        id=bytes(row.id), person_id=PersonId(row.person_id), name=row.name, public_key=bytes(row.public_key),
        sign_count=row.sign_count, synced=row.synced, created_at=row.created_at, last_used_at=row.last_used_at,
    )  # fmt: skip
