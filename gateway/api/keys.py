"""`/api/ops/keys`: the tenant's API keys. A secret is shown once, when its key is made."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from gateway.api.answer import IdempotencyKey, IfMatch, IfNoneMatch, check_version, known, once, versioned
from gateway.api.field import Line
from gateway.api.view import KeyView
from gateway.auth import OF_PEOPLE, Scope
from gateway.caller import Caller, calling, stepped_up
from gateway.context import context_of
from gateway.paging import CursorText, Limit, Listed, paged, place
from gateway.problem import Problem
from store import keys as stored
from store.read import keys as rows

router = APIRouter(prefix="/api/ops/keys", tags=["keys"])
Reader = Annotated[Caller, Depends(calling(Scope.KEYS_WRITE, Scope.OPS_READ))]
Writer = Annotated[Caller, Depends(calling(Scope.KEYS_WRITE))]
_LIST = "keys"
_EXAMPLE: JsonDict = {"name": "shop", "scopes": ["events:write", "flags:read"]}


class NewKey(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    name: Line
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), description="Of those you have yourself.")


class MadeKey(KeyView):
    """A key that was just made."""

    secret: str | None = Field(description="Shown now and never again: null when the request is repeated.")


@router.get("")
def list_keys(
    request: Request,
    caller: Reader,
    live: Annotated[bool | None, Query(description="Only those that do, or do not, open anything.")] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Listed[KeyView]:
    """The tenant's keys, newest first."""
    with context_of(request).database.tenant(caller.tenant) as connection:
        page = rows.keys(connection, limit=limit, after=place(cursor, _LIST, live), live=live)
    return paged(page, KeyView.of, _LIST, live)


@router.post("", status_code=201, response_model=MadeKey)
def make_key(request: Request, caller: Writer, asked: NewKey, idempotency_key: IdempotencyKey = None) -> JSONResponse:
    """Make a key. It opens no more than what you may do yourself; a person shows a second factor first."""
    context = context_of(request)
    if caller.person is not None:
        stepped_up(caller, request)
    beyond = set(asked.scopes) - _grantable(caller)
    if beyond:
        names = ", ".join(sorted(scope.value for scope in beyond))
        raise Problem(403, "key.beyond", f"A key opens no more than its maker may do: not {names}.")

    def work() -> MadeKey:
        now = context.clock.now()
        with context.database.tenant(caller.tenant) as connection:
            made, secret = stored.add_key(
                connection, caller.tenant, asked.name, sorted({scope.value for scope in asked.scopes}), now=now,
                actor=caller.actor, made_by=caller.human,
            )  # fmt: skip
        return MadeKey(id=made.id, name=made.name, scopes=list(made.scopes), created_at=now, secret=secret)

    return once(context, caller, request, idempotency_key, asked, work, status=201, once_only="secret")


@router.get("/{key_id}", response_model=KeyView)
def show_key(request: Request, caller: Reader, key_id: UUID, if_none_match: IfNoneMatch = None) -> Response:
    """One key."""
    with context_of(request).database.tenant(caller.tenant) as connection:
        return versioned(KeyView.of(known(rows.key(connection, key_id), "key")), if_none_match)


@router.delete("/{key_id}", response_model=KeyView)
def end_key(
    request: Request, caller: Writer, key_id: UUID, if_match: IfMatch = None, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """End a key: from now on it opens nothing. Ending the key you call with is allowed, and the last thing it does."""
    context = context_of(request)

    def work() -> KeyView:
        with context.database.tenant(caller.tenant) as connection:
            check_version(KeyView.of(known(rows.key(connection, key_id), "key")), if_match)
            if not stored.end_key(connection, caller.tenant, key_id, now=context.clock.now(), actor=caller.actor):
                raise Problem(409, "key.ended", "This key was ended before; nothing was changed.")
            return KeyView.of(known(rows.key(connection, key_id), "key"))

    return once(context, caller, request, idempotency_key, None, work)


def _grantable(caller: Caller) -> set[Scope]:
    """What the caller may give a key: their own scopes, and what applications need, but never what only people do."""
    applications = {Scope.EVENTS_WRITE} if caller.person is not None else set()
    return (set(caller.scopes) | applications) - OF_PEOPLE
