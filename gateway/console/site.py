"""The console put into the application: its pages, its files, and its way of showing errors."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from gateway.console import stream
from gateway.console.error import error_page, is_page
from gateway.console.page import HEADERS, HOME, here, local, query
from gateway.console.pages import (
    acting,
    approvals,
    audit,
    drills,
    flags,
    health,
    incident,
    incidents,
    oncall,
    outcome,
    overview,
    report,
    suppressions,
    theme,
)

_Handler = Callable[[Request, Exception], Response | Awaitable[Response]]
_FILES = Path(__file__).with_name("static")
_KEPT = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}


class _Files(StaticFiles):
    """Files of ours: kept by browsers, for their address changes with them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file below the folder; nothing outside it is ever found."""
        answer = await super().get_response(path, scope)
        answer.headers.update(_KEPT)
        return answer


PAGES = (
    overview,
    incidents,
    incident,
    outcome,
    report,
    acting,
    approvals,
    flags,
    oncall,
    drills,
    suppressions,
    audit,
    health,
    theme,
    stream,
)
"""Modules with a `router`, in the order of the navigation."""


def install(app: FastAPI) -> None:
    """Serve the console from `app`. Call it when its handlers of errors are set: those of pages become pages."""
    app.mount(f"{HOME}/static", _Files(directory=_FILES), name="console-static")
    for page in PAGES:
        app.include_router(page.router)
    for kind, handler in list(app.exception_handlers.items()):
        app.add_exception_handler(kind, _shown_as_page(handler))


def _shown_as_page(handler: _Handler) -> _Handler:
    async def show(request: Request, error: Exception) -> Response:
        answer = handler(request, error)
        told = answer if isinstance(answer, Response) else await answer
        return _page_of(request, told) if is_page(request.url.path) else told

    return show


def _page_of(request: Request, told: Response) -> Response:
    """What a machine would be told, as a page; who is not signed in is sent to where they can."""
    if told.status_code == 401 and not request.url.path.startswith(f"{HOME}/stream"):
        return RedirectResponse(query("/sign-in", next=local(here(request))), 303, headers=HEADERS)
    try:
        detail = str(json.loads(bytes(told.body))["detail"])
    except (ValueError, KeyError, TypeError):
        detail = "Something went wrong. Try again, or go back to the overview."
    if told.status_code == 404 and detail == "Not Found":
        detail = "No page has this address. It may have been mistyped, or what it showed is gone."
    page = error_page(request, told.status_code, detail)
    for name in ("retry-after", "www-authenticate"):
        if name in told.headers:
            page.headers[name] = told.headers[name]
    return page
