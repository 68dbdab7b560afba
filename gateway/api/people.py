"""`/api/ops/people`: who holds which role in this tenant. Accounts and second factors are the people's own."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from gateway.api.answer import IdempotencyKey, IfMatch, IfNoneMatch, check_version, known, once, versioned
from gateway.api.field import Line
from gateway.api.view import PersonView
from gateway.auth import Scope
from gateway.caller import Caller, calling, stepped_up
from gateway.context import context_of
from gateway.paging import CursorText, Limit, Listed, paged, place
from gateway.problem import Problem
from spine.errors import Refused
from spine.ids import PersonId
from spine.person import PersonRef, Role
from store import people as stored
from store.membership import set_roles
from store.read import people as rows
from store.secrets import Vault

router = APIRouter(prefix="/api/ops/people", tags=["people"])
Reader = Annotated[Caller, Depends(calling(Scope.PEOPLE_READ))]
Writer = Annotated[Caller, Depends(calling(Scope.PEOPLE_WRITE))]
_LIST = "people"
_NEW: JsonDict = {"email": "ann@example.org", "name": "Ann", "roles": ["responder"]}
PeoplesRole = Annotated[Role, Field(description="`engine` is no person's.")]


class NewPerson(BaseModel):
    """Somebody to be given roles here."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_NEW]})
    email: Line
    name: Line
    roles: list[PeoplesRole] = Field(min_length=1, max_length=len(Role))


class Roles(BaseModel):
    """What somebody holds here, no more and no less; [] = they leave the tenant."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"roles": ["incident_commander"]}]})
    roles: list[PeoplesRole] = Field(max_length=len(Role))


@router.get("")
def list_people(request: Request, caller: Reader, limit: Limit = 50, cursor: CursorText = None) -> Listed[PersonView]:
    """Who holds a role in this tenant, here or everywhere, newest first."""
    with context_of(request).database.tenant(caller.tenant) as connection:
        page = rows.members(connection, limit=limit, after=place(cursor, _LIST))
    return paged(page, PersonView.of, _LIST)


@router.get("/{person_id}", response_model=PersonView)
def show_person(request: Request, caller: Reader, person_id: UUID, if_none_match: IfNoneMatch = None) -> Response:
    """One person of this tenant."""
    return versioned(_shown(request, caller, person_id), if_none_match)


@router.post("", status_code=201, response_model=PersonView)
def add_person(
    request: Request, caller: Writer, asked: NewPerson, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Give somebody roles here. Somebody new sets up a second factor of their own before they decide anything."""
    _may(request, caller)
    context = context_of(request)
    _check_newcomer(request, caller, asked.email)

    def work() -> PersonView:
        given = {(caller.tenant, role) for role in asked.roles}
        with context.database.system() as connection:
            try:
                made, _ = stored.add(
                    connection, asked.email, asked.name, sorted(given), vault=Vault.of(context.settings),
                    actor=caller.actor, now=context.clock.now(),
                )  # fmt: skip
            except Refused as error:
                raise _unfit(error) from error
        return _shown(request, caller, made.id)

    return once(context, caller, request, idempotency_key, asked, work, status=201)


@router.put("/{person_id}/roles", response_model=PersonView)
def change_roles(
    request: Request, caller: Writer, person_id: UUID, asked: Roles, if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:  # fmt: skip
    """Make these what somebody holds here. Nobody changes their own, and the last security admin stays one."""
    _may(request, caller)
    if caller.human == person_id:
        raise _self()
    return once(
        context_of(request), caller, request, idempotency_key, asked,
        lambda: _change(request, caller, person_id, asked.roles, if_match),
    )  # fmt: skip


def _change(request: Request, caller: Caller, person_id: UUID, roles: list[Role], if_match: str | None) -> PersonView:
    context = context_of(request)
    before = _shown(request, caller, person_id)
    check_version(before, if_match)
    with context.database.system() as connection:
        try:
            set_roles(
                connection, caller.tenant, PersonId(before.id), before.email, sorted(set(roles)), actor=caller.actor,
                now=context.clock.now(),
            )  # fmt: skip
        except Refused as error:
            if error.code == "person.last_admin":
                raise Problem(409, error.code, str(error)) from error
            raise _unfit(error) from error
    return before.model_copy(update={"roles": sorted({role.value for role in roles})})


def _check_newcomer(request: Request, caller: Caller, email: str) -> None:
    """Refuse what only looks like adding somebody: giving oneself roles, or bringing back whom an operator disabled."""
    with context_of(request).database.system() as connection:
        known_one = stored.find(connection, PersonRef.by_email(email))
    if known_one is None:
        return
    if known_one.id == caller.human:
        raise _self()
    if known_one.disabled_at is not None:
        raise Problem(
            409, "person.disabled", "An operator has disabled this person everywhere, and an operator brings them "
            f"back: `opsspine people add {known_one.email}`. Nothing was changed.",
        )  # fmt: skip


def _self() -> Problem:
    return Problem(403, "person.self", "Nobody changes their own roles: ask another security admin.")


def _may(request: Request, caller: Caller) -> None:
    """Giving roles is giving power: a person shows a second factor first. A key needs the scope, given to it by one."""
    if caller.person is not None:
        stepped_up(caller, request)


def _shown(request: Request, caller: Caller, person_id: UUID) -> PersonView:
    with context_of(request).database.tenant(caller.tenant) as connection:
        return PersonView.of(known(rows.member(connection, person_id), "person"))


def _unfit(error: Refused) -> Problem:
    pointer = "#/email" if error.code == "person.email" else "#/roles"
    return Problem(422, error.code, str(error), errors=[{"pointer": pointer, "detail": str(error)}])
