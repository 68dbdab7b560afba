"""What routes share: things that are not there, versions of what is shown, and requests that may come twice."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, Any, TypeVar

from fastapi import Header, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from gateway.caller import Caller
from gateway.context import Context
from gateway.problem import Problem
from spine.errors import Refused, Transient
from store.idempotency import begin, finish, give_up

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
IfMatch = Annotated[
    str | None,
    Header(max_length=500, description="The `ETag` of what you saw: a change since then is answered with 412."),
]
IfNoneMatch = Annotated[str | None, Header(max_length=500, description="The `ETag` you have: unchanged = 304.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1, max_length=255,
        description="One key means one request: sent again it is answered alike, and done once.",
    ),
]  # fmt: skip


def known(value: T | None, noun: str) -> T:
    """`value`, if it is there and the caller's.

    Raises:
        Problem: 404; what belongs to another tenant is not there.
    """
    if value is None:
        raise Problem(404, f"{noun}.unknown", f"There is no such {noun} here.")
    return value


def etag(shown: BaseModel) -> str:
    """The version of what is shown: its digest."""
    return f'"{sha256(shown.model_dump_json().encode()).hexdigest()[:32]}"'


def versioned(shown: BaseModel, if_none_match: str | None) -> Response:
    """The answer with its version; 304 when the caller has this one."""
    version = etag(shown)
    headers = {"ETag": version, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and version in _tags(if_none_match):
        return Response(status_code=304, headers=headers)
    return JSONResponse(jsonable_encoder(shown), headers=headers)


def check_version(shown: BaseModel, if_match: str | None) -> None:
    """Go on only if what is there is what the caller saw.

    Raises:
        Problem: 412, it has changed since.
    """
    if if_match is None or if_match.strip() == "*" or etag(shown) in _tags(if_match):
        return
    raise Problem(
        412, "version.stale", "It has changed since you saw it; nothing was done. Read it again and decide anew.",
        headers={"ETag": etag(shown)},
    )  # fmt: skip


def once(
    context: Context, caller: Caller, request: Request, key: str | None, asked: BaseModel | None,
    work: Callable[[], M], *, status: int = 200, once_only: str | None = None,
) -> JSONResponse:  # fmt: skip
    """Do `work` and answer with what it returns. With a key it is done once, however often it is asked.

    The kept answer lacks the field named `once_only`, which is shown once.

    Raises:
        Problem: 409, it is being done right now; 422, the key was used for another request; and what `work` raises,
            after which the same key may be tried again.
    """
    if key is None:
        return _answer(work(), status)
    what = f"{caller.actor}\n{request.method} {request.url.path}\n{asked.model_dump_json() if asked else ''}"
    try:
        with context.database.tenant(caller.tenant) as connection:
            turn = begin(connection, caller.tenant, key, sha256(what.encode()).digest(), now=context.clock.now())
    except Refused as error:
        raise Problem(422, error.code, str(error), errors=[_HEADER]) from error
    except Transient as error:
        raise Problem(409, "idempotency.busy", str(error), headers={"Retry-After": "1"}) from error
    if turn.response is not None:
        return JSONResponse(turn.response, status, headers={"Idempotency-Replayed": "true"})
    try:
        done = work()
    except Exception:
        with context.database.tenant(caller.tenant) as connection:
            give_up(connection, caller.tenant, key)
        raise
    kept: dict[str, Any] = json.loads(done.model_dump_json())
    with context.database.tenant(caller.tenant) as connection:
        finish(connection, caller.tenant, key, {**kept, once_only: None} if once_only else kept)
    return _answer(done, status)


_HEADER = {"pointer": "#/Idempotency-Key", "detail": "used before, for another request"}


def _answer(done: BaseModel, status: int) -> JSONResponse:
    return JSONResponse(jsonable_encoder(done), status)


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]
