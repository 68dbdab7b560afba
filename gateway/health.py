"""Is it alive, is it ready, and how is every part of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from gateway.context import Context, context_of
from spine.settings import Settings
from spine.span import span
from store.engine import Database
from store.health import OutboxState, outbox_state
from store.heartbeats import beats
from store.migrate import current, newest

router = APIRouter()
Status = Literal["pass", "warn", "fail"]
_RELAY_SILENCE = timedelta(seconds=30)
_OUTBOX_AGE = timedelta(minutes=2)
_PROBE_SECONDS = 2.0


@router.get("/livez")
async def livez() -> dict[str, str]:
    """This process answers. Touches nothing else."""
    return {"status": "pass"}


@router.get("/readyz")
def readyz(request: Request) -> JSONResponse:
    """The database answers and its schema is the one this code needs; 503 otherwise."""
    check = database_check(context_of(request).database)
    return JSONResponse(check, 200 if check["status"] == "pass" else 503)


@router.get("/api/health")
async def health(request: Request) -> JSONResponse:
    """Every component: pass, warn (it works, with loss of comfort) or fail. 503 when one fails."""
    context = context_of(request)
    checks = await run_in_threadpool(stored_checks, context)
    checks["prefect"] = await _prefect(context.settings)
    checks["slack"] = await _slack(context.settings)
    worst = worst_of(checks)
    body = {"status": worst, "checks": {name: [check] for name, check in checks.items()}}
    return JSONResponse(body, 503 if worst == "fail" else 200, media_type="application/health+json")


def worst_of(checks: dict[str, dict[str, Any]]) -> Status:
    """The whole is as well as its worst part."""
    found = {check["status"] for check in checks.values()}
    return "fail" if "fail" in found else "warn" if "warn" in found else "pass"


def database_check(database: Database) -> dict[str, Any]:
    """Database reachable, schema at head."""
    try:
        at, needed = current(database), newest()
    except Exception as error:  # whatever it is, the database is of no use now
        return _check("fail", f"the database does not answer ({type(error).__name__})")
    if at != needed:
        return _check("fail", f"the schema is at {at}, this code needs {needed}: `opsspine up` brings it there")
    return _check("pass", f"schema {at}")


def stored_checks(context: Context) -> dict[str, dict[str, Any]]:
    """What the database knows: itself, the heartbeats, the outbox."""
    checks = {"database": database_check(context.database)}
    if checks["database"]["status"] == "fail":
        return checks
    now = context.clock.now()
    with context.database.system() as connection:
        seen, outbox = beats(connection), outbox_state(connection, now)
    schedule_silence = timedelta(seconds=max(60.0, 4 * context.settings.detect.interval_seconds))
    checks["relay"] = _heartbeat(seen.get("relay"), now, _RELAY_SILENCE)
    for schedule in ("detect", "reconcile"):
        checks[schedule] = _heartbeat(seen.get(schedule), now, schedule_silence)
    checks["outbox"] = _outbox(outbox)
    checks["drills"] = _drills(seen.get("drills"))
    return checks


def _heartbeat(seen: tuple[datetime, dict[str, Any]] | None, now: datetime, silence: timedelta) -> dict[str, Any]:
    if seen is None:
        return _check("warn", "never heard of; it is not running, or has not begun yet")
    age = now - seen[0]
    status: Status = "pass" if age <= silence else "fail"
    return _check(status, f"last heard of {span(age)} ago", observedValue=age.total_seconds())


def _drills(seen: tuple[datetime, dict[str, Any]] | None) -> dict[str, Any]:
    """Reconcile knows which runbooks are not rehearsed; what that costs, an operator should hear before an incident."""
    overdue = seen[1].get("overdue", []) if seen else []
    if not overdue:
        return _check("pass", "no drill is overdue", observedValue=0)
    named = ", ".join(overdue)
    why = f"nothing is automatic any more in {named}: not drilled for too long; `opsspine drill --list` shows more"
    return _check("warn", why, observedValue=len(overdue))


def _outbox(state: OutboxState) -> dict[str, Any]:
    if state.failed:
        return _check(
            "warn",
            f"{state.failed} messages could not be delivered and were given up; the last error: {state.last_error}. "
            "Mend the channel, then `opsspine outbox retry`.",
            observedValue=state.failed,
        )
    if state.held:
        why = "; ".join(f"{channel}: {error}" for channel, error in state.held.items())
        return _check("warn", f"{state.pending} messages wait for channels that do not work: {why}")
    if state.oldest_age is not None and state.oldest_age > _OUTBOX_AGE:
        blamed = state.last_error or "no relay runs"
        why = f"{state.pending} messages wait, the oldest for {span(state.oldest_age)}: {blamed}"
        return _check("warn", why, observedValue=state.oldest_age.total_seconds())
    return _check("pass", f"{state.pending} messages wait", observedValue=state.pending)


async def _prefect(settings: Settings) -> dict[str, Any]:
    return await _reachable(f"{settings.prefect.url}/health", "fail", lambda r: r.status_code == 200)


async def _slack(settings: Settings) -> dict[str, Any]:
    if settings.slack.bot_token is None:
        return _check("warn" if "slack" in settings.notify.mode else "pass", "not configured")
    if settings.slack.signing_secret is None:
        return _check("warn", "clicks cannot be verified and are not taken: set OPSSPINE_SLACK__SIGNING_SECRET")
    return await _reachable(f"{settings.slack.base_url}/api/api.test", "warn", lambda r: r.status_code < 500)


async def _reachable(url: str, otherwise: Status, good: Callable[[httpx.Response], bool]) -> dict[str, Any]:
    try:
        async with httpx.AsyncClient(timeout=_PROBE_SECONDS) as client:
            answer = await client.get(url)
    except httpx.HTTPError as error:
        return _check(otherwise, f"{url} cannot be reached ({type(error).__name__})")
    return _check("pass" if good(answer) else otherwise, f"HTTP {answer.status_code}")


def _check(status: Status, output: str, **more: Any) -> dict[str, Any]:
    return {"status": status, "output": output, **more}
