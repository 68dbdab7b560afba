"""`/api/ops/oncall/contacts`: by which ways the person who asks is called. Everybody's own, and nobody else's.

Addresses go in and never come out. Whoever changes where pages go shows a second factor first.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Connection

from gateway.api.view import View
from gateway.auth import Scope
from gateway.caller import Caller, calling, stepped_up
from gateway.context import context_of
from gateway.problem import Problem
from spine.errors import Refused
from spine.oncall.reach import Channel, ReachRule
from spine.person import Person
from store import contacts

router = APIRouter(prefix="/api/ops/oncall/contacts", tags=["on-call"])
Anybody = Annotated[Caller, Depends(calling(Scope.ONCALL_READ))]
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}$", examples=["phone"])]


class ContactView(View):
    """A way, without its address."""

    id: UUID
    name: str = Field(examples=["phone"])
    channel: str


class WaysView(View):
    """All ways of a person, and which of them is used when."""

    contacts: list[ContactView]
    important: list[ReachRule]
    others: list[ReachRule]


class NewContact(BaseModel):
    """A way to be reached."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"channel": "email", "address": "ann@example.org"}]}
    )
    channel: Channel
    address: Annotated[str, StringConstraints(min_length=1, max_length=2048)]


class NewRules(BaseModel):
    """Which ways are used, how soon; [] = the defaults again."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"important": True, "rules": [{"contact": "mail"}]}]}
    )
    important: bool
    rules: list[ReachRule] = Field(max_length=20)


@router.get("")
def my_contacts(request: Request, caller: Anybody) -> WaysView:
    """Your ways, and when each is used."""
    person = _person(caller)
    with context_of(request).database.system() as connection:
        return _ways(connection, person)


@router.put("/{name}")
def put_contact(request: Request, caller: Anybody, name: Name, asked: NewContact) -> WaysView:
    """Add a way of yours, or change the one of this name."""
    person, context = _changing(request, caller), context_of(request)
    with context.database.system() as connection:
        contacts.add(
            connection, person, asked.channel, name, asked.address, settings=context.settings, actor=caller.actor,
            now=context.clock.now(),
        )  # fmt: skip
        return _ways(connection, person)


@router.delete("/{name}")
def delete_contact(request: Request, caller: Anybody, name: Name) -> WaysView:
    """Forget a way of yours."""
    person, context = _changing(request, caller), context_of(request)
    with context.database.system() as connection:
        try:
            contacts.remove(connection, person, name, actor=caller.actor, now=context.clock.now())
        except Refused as error:
            raise Problem(404, error.code, str(error)) from error
        return _ways(connection, person)


@router.put("")
def put_rules(request: Request, caller: Anybody, asked: NewRules) -> WaysView:
    """Say which of your ways are used when you are called, and how soon each."""
    person, context = _changing(request, caller), context_of(request)
    with context.database.system() as connection:
        contacts.set_rules(
            connection, person, asked.rules, important=asked.important, actor=caller.actor, now=context.clock.now()
        )
        return _ways(connection, person)


def _person(caller: Caller) -> Person:
    if caller.person is None:
        raise Problem(403, "person.needed", "Contacts are people's own. An API key is reached by nobody.")
    return caller.person


def _changing(request: Request, caller: Caller) -> Person:
    person = _person(caller)
    stepped_up(caller, request)
    return person


def _ways(connection: Connection, person: Person) -> WaysView:
    found = contacts.of_person(connection, person)
    return WaysView(
        contacts=[ContactView(id=one.id, name=one.name, channel=one.channel) for one in found],
        important=contacts.rules(connection, person, important=True),
        others=contacts.rules(connection, person, important=False),
    )
