"""Errors at the HTTP edge: RFC 9457, except where a protocol has its own shape (OFREP, Slack)."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from asgi_correlation_id import correlation_id
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from spine.errors import Refused, Transient

_log = structlog.get_logger(__name__)
FOREIGN_SHAPES = ("/ofrep", "/slack")
"""Path prefixes under which the protocol, not RFC 9457, says what an error looks like."""


class Problem(Exception):
    """An answer that is an error. `code` is stable; `detail` says what happened and what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers = [dict(e) for e in errors], dict(headers or {})


def render(path: str, problem: Problem) -> JSONResponse:
    """The response for `problem` on `path`, in the shape that path speaks."""
    if path.startswith("/ofrep"):
        body: dict[str, Any] = {"errorCode": "GENERAL", "errorDetails": problem.detail}
        return JSONResponse(body, problem.status, headers=problem.headers)
    if path.startswith("/slack"):
        return JSONResponse({"ok": False, "error": problem.code}, problem.status, headers=problem.headers)
    body = {
        "type": f"urn:opsspine:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"urn:request:{correlation_id.get()}",
    }
    if problem.errors:
        body["errors"] = problem.errors
    return JSONResponse(body, problem.status, headers=problem.headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Give every error that leaves `app` its shape."""
    app.add_exception_handler(Exception, _unforeseen)
    for kind in (Problem, HTTPException, RequestValidationError, Refused, Transient):
        app.add_exception_handler(kind, _foreseen)
    app.add_exception_handler(DataError, _unstorable)
    for driver_error in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(driver_error, _unavailable)


async def _foreseen(request: Request, error: Exception) -> JSONResponse:
    return render(request.url.path, _problem(error))


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    _log.warning("the database did not answer", error=type(error).__name__, path=request.url.path)
    detail = "The database cannot be reached; nothing was changed. Try again shortly."
    return render(request.url.path, Problem(503, "database.down", detail, headers={"Retry-After": "5"}))


async def _unstorable(request: Request, error: Exception) -> JSONResponse:
    _log.warning("a value does not fit into the database", error=type(error).__name__, path=request.url.path)
    detail = (
        "Something in the request cannot be stored: a text with NUL, or a number beyond all bounds. Nothing was done."
    )
    return render(request.url.path, Problem(422, "input.unstorable", detail))


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    _log.error("a request failed", path=request.url.path, exc_info=error)
    detail = "Something here is broken. The request id in `instance` finds it in the log."
    return render(request.url.path, Problem(500, "internal", detail))


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        errors = [{"pointer": pointer(e["loc"][1:]), "detail": _shown(str(e["msg"]))} for e in error.errors()]
        return Problem(422, "input.invalid", "The request does not have the expected form.", errors=errors)
    if isinstance(error, HTTPException):
        return Problem(error.status_code, "http", str(error.detail), headers=error.headers)
    if isinstance(error, Refused):
        return Problem(422, error.code, str(error))
    return Problem(503, "busy", str(error), headers={"Retry-After": "5"})


def pointer(where: Iterable[object]) -> str:
    """The place in a body as a JSON pointer (RFC 6901), for instance `#/actions/0`."""
    return "#/" + "/".join(_shown(str(part)).replace("~", "~0").replace("/", "~1") for part in where)


def _shown(text: str) -> str:
    """Text that can be sent: half characters of a request are not repeated."""
    return text.encode("utf-8", "replace").decode()
