"""A page for somebody signed in: the frame with what waits, around what the page is about."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from gateway.auth import Scope
from gateway.caller import Caller
from gateway.console.page import Said, render
from gateway.console.said import SAID
from gateway.context import context_of
from spine.ids import TenantId
from spine.person import EVERY_TENANT
from spine.session import fresh
from store.read.waiting import waiting
from store.sessions import elsewhere


@contextmanager
def reading(request: Request, caller: Caller) -> Iterator[Connection]:
    """A transaction that sees the visitor's tenant and nothing else."""
    with context_of(request).database.tenant(caller.tenant) as connection:
        yield connection


def show(
    request: Request,
    caller: Caller,
    template: str,
    *,
    section: str,
    status: int = 200,
    said: Said | None = None,
    **values: Any,
) -> HTMLResponse:
    """The page, with a line on what was just done where the address tells of it (`?said=…`)."""
    with reading(request, caller) as connection:
        counts: Mapping[str, int] = waiting(connection)
    return render(
        request, template, caller=caller, csrf=caller.csrf or "", status=status, section=section, waiting=counts,
        said=said or SAID.get(request.query_params.get("said", "")), may=_may(caller),
        fresh=_fresh(request, caller), elsewhere=_elsewhere(request, caller), **values,
    )  # fmt: skip


def _elsewhere(request: Request, caller: Caller) -> list[tuple[TenantId, int]]:
    """Where else incidents live that the visitor could look after."""
    person = caller.person
    if person is None or (len(person.roles) < 2 and EVERY_TENANT not in person.roles):
        return []
    with context_of(request).database.system() as connection:
        return elsewhere(connection, person, caller.tenant)


def _fresh(request: Request, caller: Caller) -> bool:
    """True when the session has shown a second factor not long ago: then no code is asked for."""
    context = context_of(request)
    age = timedelta(seconds=context.settings.signin.stepup_seconds)
    return fresh(caller.stepped_up_at, context.clock.now(), age)


def _may(caller: Caller) -> dict[str, bool]:
    """What the page may offer: `may.actions_write` and so on."""
    return {scope.value.replace(":", "_"): scope in caller.scopes for scope in Scope}
