"""OpenFeature Remote Evaluation Protocol: applications read flags with their standard OpenFeature SDK.

Errors have the protocol's own shape, never problem+json. Source: openfeature/protocol, OFREP 0.3.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from gateway.auth import Scope, authenticate, require
from spine.clock import Clock
from spine.flag import Evaluation, Failure, FlagSet
from store.engine import Database
from store.flag_cache import FlagCache
from store.keys import ApiKey

KEY_SECONDS = 2.0
"""How long a revoked key may go on reading flags: a client asks several times for every login."""
_MOST_KEYS = 1_000


class BadRequest(Exception):
    """The body is not what the protocol allows."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code = code


def create_router(database: Database, *, clock: Clock | None = None) -> APIRouter:
    """The two evaluation endpoints. Waiting for PostgreSQL is done off the event loop, the rest is on it."""
    router = APIRouter(prefix="/ofrep/v1/evaluate", tags=["OFREP"])
    cache, keys = FlagCache(database, clock), _Keys()

    @router.post("/flags/{key}")
    async def evaluate(key: str, request: Request) -> Response:
        """One flag for one context."""
        caller = await keys.caller(request)
        try:
            context = _context(await request.body(), caller)
        except BadRequest as error:
            return JSONResponse({"key": key, "errorCode": error.code, "errorDetails": str(error)}, 400)
        found = (await run_in_threadpool(cache.get, caller.tenant_id)).evaluate(key, context)
        if isinstance(found, Failure):
            return JSONResponse(_rendered(found), 404 if found.code == "FLAG_NOT_FOUND" else 400)
        return JSONResponse(_rendered(found))

    @router.post("/flags")
    async def evaluate_all(request: Request) -> Response:
        """Every flag of the tenant for one context; 304 when nothing differs from what the client has."""
        caller = await keys.caller(request)
        try:
            context = _context(await request.body(), caller)
        except BadRequest as error:
            return JSONResponse({"errorCode": error.code, "errorDetails": str(error)}, 400)
        flags = await run_in_threadpool(cache.get, caller.tenant_id)
        return _bulk(flags, context, request.headers.get("if-none-match", ""))

    return router


class _Keys:
    """Who calls; a key that was good is not looked up again for `KEY_SECONDS`."""

    def __init__(self) -> None:
        self._check = require(Scope.FLAGS_READ)
        self._known: dict[tuple[str | None, str | None], tuple[float, ApiKey]] = {}

    async def caller(self, request: Request) -> ApiKey:
        """The request's API key.

        Raises:
            Problem: 401 or 403.
        """
        shown = (request.headers.get("authorization"), request.headers.get("x-api-key"))
        until, key = self._known.get(shown, (0.0, None))
        if key is None or until <= time.monotonic():
            key = await run_in_threadpool(self._ask, request)
            if len(self._known) >= _MOST_KEYS:
                self._known.clear()
            self._known[shown] = (time.monotonic() + KEY_SECONDS, key)
        return key

    def _ask(self, request: Request) -> ApiKey:
        return self._check(request, authenticate(request))


def _context(body: bytes, caller: ApiKey) -> dict[str, Any]:
    """The evaluation context; the tenant in it is always the key's."""
    try:
        parsed = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise BadRequest("PARSE_ERROR", f"the body is no JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise BadRequest("PARSE_ERROR", "the body must be an object with a `context`")
    context = parsed.get("context", {})
    if not isinstance(context, dict):
        raise BadRequest("INVALID_CONTEXT", "`context` must be an object")
    if not isinstance(context.get("targetingKey", ""), str):
        raise BadRequest("INVALID_CONTEXT", "`targetingKey` must be a string")
    return {**context, "tenant": caller.tenant_id}


def _bulk(flags: FlagSet, context: Mapping[str, Any], known: str) -> Response:
    body = json.dumps({"flags": [_rendered(flags.evaluate(key, context)) for key in flags.keys], "metadata": {}})
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _rendered(found: Evaluation | Failure) -> dict[str, Any]:
    if isinstance(found, Failure):
        return {"key": found.key, "errorCode": found.code, "errorDetails": found.details}
    return {
        "key": found.key,
        "value": found.value,
        "variant": found.variant,
        "reason": found.reason,
        "metadata": found.metadata,
    }
