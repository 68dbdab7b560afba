"""How people are reached: addresses sealed with the vault's key, and rules of what is used when.

Everybody has their mail address, and the Slack account that was linked, without adding anything.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import NO_TENANT, PersonId, derive
from spine.oncall.reach import Channel, Contact, ReachRule, default_rules, refuse_unknown
from spine.person import Person
from spine.settings import Settings
from store import audit, people
from store.secrets import Vault

MAIL, SLACK = "mail", "slack"
"""Names of the contacts that nobody had to add."""


@dataclass(frozen=True, slots=True)
class Address:
    """A contact with its address in clear. Never logged, never stored."""

    channel: str
    address: str


def of_person(connection: Connection, person: Person) -> list[Contact]:
    """The ways to reach a person, without addresses: their own, then what everybody has."""
    rows = connection.execute(
        text("select id, channel, name from oncall_contacts where person_id = :p order by created_at, id"),
        {"p": person.id},
    ).all()
    own = [Contact(row.id, row.channel, row.name) for row in rows]
    names = {contact.name for contact in own}
    return own + [given for given in _given(connection, person) if given.name not in names]


def rules(connection: Connection, person: Person, *, important: bool) -> list[ReachRule]:
    """What is used, and when, to call this person."""
    row = connection.execute(
        text("select steps from oncall_rules where person_id = :p and important = :i"),
        {"p": person.id, "i": important},
    ).one_or_none()
    if row is not None:
        return [ReachRule.model_validate(step) for step in row.steps]
    return default_rules(of_person(connection, person), important=important)


def add(
    connection: Connection,
    person: Person,
    channel: Channel,
    name: str,
    address: str,
    *,
    settings: Settings,
    actor: str,
    now: datetime,
) -> Contact:
    """Note a way to reach `person`, or change the one with this name. The address is sealed.

    Raises:
        Refused: the address is none of this channel.
    """
    name = name.strip()
    if not name.isprintable() or not 1 <= len(name) <= 40:
        raise Refused("contact.name", "A contact's name has 1 to 40 printable characters, as 'phone'.")
    refuse_unknown(channel, address, settings.apprise.schemas)
    contact = Contact(derive("contact", NO_TENANT, person.id, name), channel, name)
    sealed = Vault.of(settings, create=True).seal(address.encode(), str(contact.id))
    connection.execute(
        text(
            "insert into oncall_contacts(id, person_id, channel, name, sealed, created_at)"
            " values(:id, :p, :channel, :name, :sealed, :now)"
            " on conflict(id) do update set channel = excluded.channel, sealed = excluded.sealed"
        ),
        {"id": contact.id, "p": person.id, "channel": channel, "name": name, "sealed": sealed, "now": now},
    )
    _record(connection, person, actor, now, {"contact": name, "channel": channel})
    return contact


def remove(connection: Connection, person: Person, name: str, *, actor: str, now: datetime) -> None:
    """Forget a contact.

    Raises:
        Refused: the person has none of this name.
    """
    gone = connection.execute(
        text("delete from oncall_contacts where person_id = :p and name = :n"), {"p": person.id, "n": name}
    ).rowcount
    if not gone:
        raise Refused("contact.unknown", f"{person.email} has no contact of their own named {name!r}.")
    _record(connection, person, actor, now, {"contact_removed": name})


def set_rules(
    connection: Connection,
    person: Person,
    steps: Sequence[ReachRule],
    *,
    important: bool,
    actor: str,
    now: datetime,
) -> None:
    """What is used to call `person` from now on, in which order; [] = the defaults again.

    Raises:
        Refused: a rule names a contact the person does not have.
    """
    known = {contact.name for contact in of_person(connection, person)}
    if unknown := sorted({step.contact for step in steps} - known):
        raise Refused(
            "contact.unknown",
            f"{person.email} has no contact named {', '.join(map(repr, unknown))}; "
            f"there are {', '.join(sorted(known))}.",
        )
    values: dict[str, Any] = {"p": person.id, "i": important}
    if steps:
        values["steps"] = json.dumps([step.model_dump(mode="json") for step in steps])
        connection.execute(
            text(
                "insert into oncall_rules(person_id, important, steps) values(:p, :i, cast(:steps as jsonb))"
                " on conflict(person_id, important) do update set steps = excluded.steps"
            ),
            values,
        )
    else:
        connection.execute(text("delete from oncall_rules where person_id = :p and important = :i"), values)
    told = [f"{step.contact} after {step.after_minutes:g} min" for step in steps]
    _record(connection, person, actor, now, {"important" if important else "less_important": told})


def open_contact(connection: Connection, contact: UUID, settings: Settings) -> Address | None:
    """The address behind a contact's id; None = it was taken away, or its person was disabled."""
    row = connection.execute(
        text(
            "select c.channel, c.sealed from oncall_contacts c join people p on p.id = c.person_id"
            " where c.id = :id and p.disabled_at is null"
        ),
        {"id": contact},
    ).one_or_none()
    if row is not None:
        return Address(row.channel, Vault.of(settings).open(bytes(row.sealed), str(contact)).decode())
    return _open_given(connection, contact)


def _given(connection: Connection, person: Person) -> list[Contact]:
    accounts = [ref for ref in people.accounts(connection, person.id) if ref.provider == "slack"]
    mail = Contact(_given_id(person.id, MAIL), "email", MAIL)
    return ([Contact(_given_id(person.id, SLACK), "slack", SLACK)] if accounts else []) + [mail]


def _open_given(connection: Connection, contact: UUID) -> Address | None:
    """The address of a contact that nobody added: its id is derived from the person's."""
    for row in connection.execute(text("select id, email from people where disabled_at is null and not drill")):
        if contact == _given_id(row.id, MAIL):
            return Address("email", row.email)
        if contact == _given_id(row.id, SLACK):
            linked = [ref for ref in people.accounts(connection, row.id) if ref.provider == "slack"]
            return Address("slack", linked[0].account) if linked else None
    return None


def _given_id(person: PersonId, name: str) -> UUID:
    return derive("contact given", NO_TENANT, person, name)


def _record(connection: Connection, person: Person, actor: str, now: datetime, after: dict[str, object]) -> None:
    audit.append(
        connection, NO_TENANT, AuditAction.POLICY_CHANGED, actor=actor, at=now, subject=f"person:{person.email}",
        after=after,
    )  # fmt: skip
