"""`POST /api/ops/events`: one event, an array, or NDJSON. One bad row never loses the good ones."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from gateway import ratelimit
from gateway.auth import Scope, require
from gateway.context import Context, context_of
from gateway.problem import Problem
from spine.errors import Refused, Transient
from spine.event import Event, Reason, Rejection, parse_event
from spine.hook import EventsTaken, Hook
from spine.ids import derive
from spine.mapper import Mapper, map_document
from spine.mappers import mappers
from store import drills
from store.idempotency import begin, finish
from store.ingest import count_rejects, ingest
from store.keys import ApiKey

router = APIRouter()
_LONGEST_KEY = 255


class Rejected(BaseModel):
    """A row that was not taken in."""

    index: int = Field(description="Its place in the body, from 0.")
    reason: str = Field(examples=["bad_time"])
    detail: str = Field(examples=["occurred_at is no time with an offset"])


class Odd(BaseModel):
    """Something about rows that were taken in, worth mending where they come from."""

    what: str = Field(examples=["unknown_type"])
    name: str = Field(examples=["log_in"])
    count: int


class Taken(BaseModel):
    """What became of a body's rows."""

    accepted: int
    duplicate: int = Field(description="Known already; sending events again is harmless.")
    rejected: list[Rejected] = []
    unusual: list[Odd] = []
    skipped: int = Field(default=0, description="Records of a vendor's log that are not about authentication.")


_EVENT = {
    "id": "login-8f3a", "type": "login_failed", "occurred_at": "2026-11-23T03:04:05Z", "user_id": "u42",
    "provider": "password", "ip": "203.0.113.9", "user_agent": "Mozilla/5.0", "attributes": {"reason": "bad_password"},
}  # fmt: skip
_ROW = {
    "type": "object", "required": ["id", "type", "occurred_at"], "examples": [_EVENT],
    "description": "One event; docs/reference/events.md has its fields.",
    "properties": {"id": {"type": "string"}, "type": {"type": "string"}, "occurred_at": {"type": "string"}},
}  # fmt: skip
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"oneOf": [_ROW, {"type": "array", "items": _ROW}]}, "example": [_EVENT]},
            "application/x-ndjson": {"schema": {"type": "string"}, "example": json.dumps(_EVENT)},
        },
    }
}


@dataclass(slots=True)
class _Batch:
    """One request's rows, sorted into good and bad."""

    events: list[Event] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    skipped: int = 0
    """Records of a vendor's log that are not about authentication."""

    def reject(self, index: int, why: Rejection) -> None:
        self.rejected.append({"index": index, "reason": why.reason.value, "detail": why.detail})


@router.post(
    "/api/ops/events", status_code=202, responses={202: {"model": Taken}}, openapi_extra=_BODY, tags=["events"]
)
async def post_events(
    request: Request,
    key: Annotated[ApiKey, Depends(require(Scope.EVENTS_WRITE, Scope.EVENTS_DRILL))],
    format: Annotated[str | None, Query(description="The vendor's log the body is of; without it, our events")] = None,
) -> JSONResponse:
    """Take events in: counts of what was accepted, known already, and rejected with the reason."""
    context = context_of(request)
    if format is not None and format not in mappers():
        raise Problem(400, "events.format", f"There is no format {format!r}; known are {', '.join(mappers())}.")
    body = b"".join([part async for part in request.stream()])
    repeat = request.headers.get("idempotency-key")
    if repeat is not None and not 1 <= len(repeat) <= _LONGEST_KEY:
        raise Problem(400, "idempotency.key", f"An Idempotency-Key has 1 to {_LONGEST_KEY} characters.")
    lines = "ndjson" in request.headers.get("content-type", "") or "jsonl" in request.headers.get("content-type", "")
    return JSONResponse(await run_in_threadpool(_take, context, key, body, lines, repeat, format), 202)


def _take(
    context: Context, key: ApiKey, body: bytes, lines: bool, repeat: str | None, format: str | None
) -> dict[str, Any]:
    """Ingest one body. With an Idempotency-Key the same body is taken once, and answered alike ever after."""
    now, given = context.clock.now(), list(_rows(body, lines))
    ratelimit.by_events(context, key.id, len(given))
    rows: Iterable[tuple[int, Any]] = given
    if format is not None:
        rows = _mapped(rows, mappers()[format])
    if repeat is None:
        return _ingest(context, key, rows, now, None)
    with context.database.tenant(key.tenant_id) as connection, _answered_in_http():
        turn = begin(connection, key.tenant_id, repeat, _digest(body, format), now=now)
    if turn.response is not None:
        return turn.response
    answer = _ingest(context, key, rows, turn.first_seen_at, repeat)
    with context.database.tenant(key.tenant_id) as connection:
        finish(connection, key.tenant_id, repeat, answer)
    return answer


def _digest(body: bytes, format: str | None) -> bytes:
    """What makes a repeated request the same: its body, and what it is read as."""
    return sha256(body if format is None else f"{format}\n".encode() + body).digest()


@contextmanager
def _answered_in_http() -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise Problem(422, error.code, str(error)) from error
    except Transient as error:
        raise Problem(409, "idempotency.busy", str(error), headers={"Retry-After": "1"}) from error


def _ingest(
    context: Context, key: ApiKey, rows: Iterable[tuple[int, Any]], now: datetime, repeat: str | None
) -> dict[str, Any]:
    batch = _sort(rows, key, now, repeat, _drills(context, key))
    located = batch.events if context.geo is None else [context.geo.event(event) for event in batch.events]
    report = ingest(context.database, key.tenant_id, located)
    if located:
        context.listeners.observe(Hook.ON_EVENT, EventsTaken(tenant=key.tenant_id, events=tuple(located)))
    if batch.rejected:
        reasons = Counter(row["reason"] for row in batch.rejected)
        with context.database.tenant(key.tenant_id) as connection:
            count_rejects(connection, key.tenant_id, reasons, context.clock.now())
    foreign = sum(row["reason"] == Reason.WRONG_TENANT.value for row in batch.rejected)
    if foreign:
        context.refusals.record(
            Reason.WRONG_TENANT.value,
            now=context.clock.now(),
            actor=f"key:{key.name}",
            subject="POST /api/ops/events",
            tenant=key.tenant_id,
            detail={"rows": foreign},
        )
    for outcome, n in (
        ("accepted", report.accepted),
        ("duplicate", report.duplicate),
        ("rejected", len(batch.rejected)),
    ):
        context.ingested.labels(outcome).inc(n)
    for (what, _), n in report.unusual.items():
        context.unusual.labels(what).inc(n)
    answer = {"accepted": report.accepted, "duplicate": report.duplicate, "rejected": batch.rejected}
    odd = [{"what": what, "name": name, "count": n} for (what, name), n in sorted(report.unusual.items())]
    return answer | ({"unusual": odd} if odd else {}) | ({"skipped": batch.skipped} if batch.skipped else {})


def _drills(context: Context, key: ApiKey) -> set[str]:
    """The drills for which the key may bring evidence: those of its tenant that run."""
    if Scope.EVENTS_DRILL not in key.scopes:
        return set()
    with context.database.tenant(key.tenant_id) as connection:
        return drills.running(connection, key.tenant_id, context.clock.now())


def _sort(rows: Iterable[tuple[int, Any]], key: ApiKey, now: datetime, repeat: str | None, running: set[str]) -> _Batch:
    batch = _Batch()
    for index, row in rows:
        if isinstance(row, Rejection):
            batch.reject(index, row)
            continue
        if isinstance(row, _Skipped):
            batch.skipped += 1
            continue
        named = row
        if repeat is not None and isinstance(row, dict) and row.get("id") is None:
            named = {**row, "id": str(derive("event", key.tenant_id, repeat, index))}
        parsed = parse_event(named, now=now, tenant=key.tenant_id)
        if isinstance(parsed, Rejection):
            batch.reject(index, parsed)
        elif because := _misplaced(parsed, key, running):
            batch.reject(index, Rejection(Reason.NOT_A_DRILL, because))
        else:
            batch.events.append(parsed)
    return batch


def _misplaced(event: Event, key: ApiKey, running: set[str]) -> str | None:
    """Why the key may not write the event: a drill must not pass for real, nor what is real for a drill."""
    if not event.synthetic and event.drill_id is None:
        return None if Scope.EVENTS_WRITE in key.scopes else "this key writes evidence of drills only"
    if Scope.EVENTS_DRILL not in key.scopes:
        return "an application's key cannot mark events as a drill"
    if not event.synthetic or event.drill_id not in running:
        return "no drill of this id runs in this tenant; evidence of one is synthetic and bears its drill_id"
    return None


class _Skipped:
    """Stands where a record gave no event."""


def _mapped(rows: Iterable[tuple[int, Any]], mapper: Mapper) -> Iterator[tuple[int, Any]]:
    """The events of a vendor's records, each with the place of what it came from."""
    for index, document in rows:
        for found in map_document(mapper, document):
            yield index, _Skipped() if isinstance(found, str) else found


def _rows(body: bytes, lines: bool) -> Iterator[tuple[int, Any]]:
    """The rows of a body with their places; a line that is no JSON yields None, which is then rejected.

    Raises:
        Problem: 400, the whole body is no JSON.
    """
    if lines:
        filled = (line for line in body.splitlines() if line.strip())
        return ((index, _parsed(line)) for index, line in enumerate(filled))
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError) as error:
        detail = "The body is no JSON. Send an event, an array of events, or NDJSON as application/x-ndjson."
        raise Problem(400, "body.malformed", detail) from error
    return enumerate(whole if isinstance(whole, list) else [whole])


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
