"""What the routes work with: given once to `create_app`, reached through the request."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry, Counter

from gateway.purse import Purse
from gateway.refusal import Refusals
from spine.action import ActionSpec
from spine.clock import Clock
from spine.incident import IncidentKind
from spine.settings import Settings
from store.engine import Database
from store.geo import GeoIp
from store.hooks import Later

Wake = Callable[[UUID], Coroutine[Any, Any, None]]
"""Wakes the run that waits for an approval (its id) which has just been decided."""
Nudge = Callable[[], Coroutine[Any, Any, None]]
"""Starts a detect run now instead of at its next turn."""
Start = Callable[[str, Mapping[str, Any], str], Coroutine[Any, Any, bool]]
"""(deployment, parameters, idempotency key): starts a run by name, once; False = it is left to reconcile."""
Actions = Callable[[], Mapping[str, ActionSpec[Any]]]
"""What can be done by hand, by key: bounds and risks, nothing of how."""


Drills = Callable[[], Mapping[IncidentKind, Sequence[str]]]
"""The names of the drills there are, by kind of incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The ports of the gateway."""

    settings: Settings
    database: Database
    clock: Clock
    refusals: Refusals
    purse: Purse
    """What busy callers may still do, counted here and in PostgreSQL."""
    wake: Wake
    nudge: Nudge
    start: Start
    actions: Actions
    drills: Drills
    listeners: Later
    """Plug-ins that listen to events and incidents; nobody waits for them."""
    geo: GeoIp | None
    """Where addresses are; None = no file was given."""
    registry: CollectorRegistry
    ingested: Counter
    """Events taken in by this process, by outcome."""
    unusual: Counter
    """What was odd about events taken in by this process, by what it was."""


def attach(app: FastAPI, context: Context) -> None:
    """Make `context` reachable from every request of `app`."""
    app.state.context = context


def context_of(request: Request) -> Context:
    """The context of the app that serves `request`."""
    return context_of_app(request.app)


def context_of_app(app: FastAPI) -> Context:
    """The context that was attached to `app`."""
    found = app.state.context
    assert isinstance(found, Context)
    return found
