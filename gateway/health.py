"""Is it alive, is it ready, and how is every part of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from gateway.auth import Scope
from gateway.context import Context, context_of
from gateway.opening import may_read
from spine.health import Reading, Standing, Status, well, worst
from spine.settings import Settings
from store.heartbeats import beats
from store.standings import standings
from store.vital import CHECKS, schema, vital_signs, watch

router = APIRouter()
CONTENT_TYPE = "application/health+json"
_PROBE_SECONDS = 2.0
_SCHEMA = "database"
_WATCH = "checks"
_KINDS = {"database": "datastore", "migrations": "datastore", "disk": "system", "clock": "system"}


@dataclass(frozen=True, slots=True)
class Component:
    """One part as it is shown: just looked at, or as the last round of checks left it."""

    reading: Reading
    at: datetime
    since: datetime | None = None


@router.get("/livez")
async def livez() -> dict[str, str]:
    """This process answers. Touches nothing else."""
    return {"status": "pass"}


@router.get("/readyz")
def readyz(request: Request) -> JSONResponse:
    """The database answers and its schema is the one this code needs; 503 otherwise."""
    reading = schema(context_of(request).database)
    body = {"status": reading.status.value, "output": reading.said}
    return JSONResponse(body, 200 if reading.status is Status.PASS else 503)


@router.get("/api/health")
async def health(request: Request) -> JSONResponse:
    """Every component: pass, warn (it works, with loss of comfort) or fail. 503 when one fails.

    Who may not read details (`gateway/opening.py`) is told the status alone.
    """
    context = context_of(request)
    parts = await run_in_threadpool(components, context)
    parts["prefect"] = Component(await _prefect(context.settings), context.clock.now())
    whole = worst(part.reading.status for part in parts.values())
    body: dict[str, Any] = {"status": whole.value, "serviceId": "opsspine", "description": context.settings.app_name}
    if await may_read(request, Scope.HEALTH_READ):
        body["checks"] = {key: [shown(key, parts[key])] for key in sorted(parts)}
        body["notes"] = [f"{key}: {part.reading.do}" for key, part in sorted(parts.items()) if part.reading.do]
    headers = {"Cache-Control": "no-store"}
    return JSONResponse(body, 503 if whole is Status.FAIL else 200, media_type=CONTENT_TYPE, headers=headers)


def components(context: Context) -> dict[str, Component]:
    """What the last round of checks found, and what can be told at once, which is the fresher truth."""
    now = context.clock.now()
    found = {_SCHEMA: Component(schema(context.database), now)}
    if found[_SCHEMA].reading.status is Status.FAIL:
        return found
    with context.database.system() as connection:
        stored = standings(connection)
        signs = vital_signs(connection, context.settings, now)
        signs[_WATCH] = watch(beats(connection).get(CHECKS), context.settings, now)
    kept = {key: Component(one.reading, one.at, one.since) for key, one in stored.items()}
    live = {key: Component(sign, now, _since(stored, key, sign)) for key, sign in signs.items()}
    return {**found, **kept, **live, _SCHEMA: _graver(found[_SCHEMA], kept.get(_SCHEMA))}


def shown(key: str, part: Component) -> dict[str, Any]:
    """One component in the draft's words, with what it means and what to do beside them."""
    reading = part.reading
    said = {
        "componentId": key,
        "componentType": _KINDS.get(key, "component"),
        "status": reading.status.value,
        "time": part.at.isoformat(),
        "output": reading.said,
        "observedValue": reading.observed,
        "observedUnit": reading.unit,
        "since": part.since.isoformat() if part.since else None,
        "means": reading.means,
        "do": reading.do,
    }
    return {name: value for name, value in said.items() if value not in (None, "")}


def _since(stored: Mapping[str, Standing], key: str, sign: Reading) -> datetime | None:
    """From when on it has been so, as far as the rounds of checks saw the same."""
    before = stored.get(key)
    return before.since if before is not None and before.status is sign.status else None


def _graver(now: Component, stored: Component | None) -> Component:
    """The database answers now; that it was slow in the last round is worth telling all the same."""
    slow = stored is not None and stored.reading.status is Status.WARN
    return stored if slow and stored is not None else now


async def _prefect(settings: Settings) -> Reading:
    """Asked at once: without Prefect no round of checks may run, either."""
    means = "No run starts or is woken: nothing is detected, and no approval is carried out."
    do = "Look at logs/prefect.log in the data folder; the supervisor starts its own server again by itself."
    said = ""
    async with httpx.AsyncClient(timeout=_PROBE_SECONDS) as client:
        for url in (f"{base}/health" for base in settings.prefect.urls):
            try:
                answer = await client.get(url)
            except httpx.HTTPError as error:
                said = f"{url} cannot be reached ({type(error).__name__})"
                continue
            if answer.status_code == 200:  # one is enough: every process takes one that answers
                return well("answers")
            said = f"{url} answers {answer.status_code}"
    return Reading(status=Status.FAIL, said=said, means=means, do=do)
