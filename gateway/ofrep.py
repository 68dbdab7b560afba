"""OpenFeature Remote Evaluation Protocol: applications read flags with their standard OpenFeature SDK.

A plain ASGI application in front of the rest: flags are asked for at every login, and the layers that the other routes
need cost more than an evaluation. Errors have the protocol's own shape, never problem+json. Source:
openfeature/protocol, OFREP 0.3.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qs

import psycopg
import structlog
from asgi_correlation_id import correlation_id
from fastapi import FastAPI, Request
from fastapi.responses import Response
from prometheus_client import Counter, Gauge
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.context import Context
from gateway.flag_stream import Hub
from gateway.ofrep_cors import Origins
from gateway.ofrep_key import Keys
from gateway.problem import Problem, render
from spine.flag import Evaluation, Failure, FlagSet
from spine.ids import mint
from store.flag_reader import FlagReader
from store.keys import ApiKey

_log = structlog.get_logger(__name__)
PREFIX = "/ofrep/"
_BULK = "/ofrep/v1/evaluate/flags"
_ONE = f"{_BULK}/"
_STREAM = "/ofrep/v1/stream"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class _Plain:
    """A JSON answer with no more around it than it takes: there are thousands a second."""

    __slots__ = ("_body", "raw_headers", "status_code")

    def __init__(self, body: Mapping[str, Any], status: int) -> None:
        self._body, self.status_code = _ENCODE(body).encode(), status
        self.raw_headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self._body)).encode()),
        ]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._body})


class BadRequest(Exception):
    """The body is not what the protocol allows."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code = code


class Ofrep:
    """Answers what is under `/ofrep/` and passes everything else on."""

    def __init__(self, app: ASGIApp, *, edge: FastAPI, context: Context) -> None:
        flag = context.settings.flag
        outage = timedelta(minutes=flag.outage_minutes)
        self._app, self._edge, self._flag = app, edge, flag
        self._process, self._numbers = str(mint()).encode(), count(1)  # a request without an id gets one of these
        self._most = context.settings.gateway.max_body_bytes
        self._keys = Keys(flag.key_check_seconds, outage)
        self._origins = Origins(flag.browser_origins)
        self._reader = FlagReader(context.database, context.clock, outage=outage)
        told = Counter("opsspine_flag_reads", "Flags read by applications", ["what"], registry=context.registry)
        self._one, self._all = told.labels("one"), told.labels("all")
        streams = Gauge(
            "opsspine_flag_streams", "Open streams of flag changes", registry=context.registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self._hub = Hub(context.database, self._reader, context.clock, flag, streams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._closing(send))
        elif scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    def _closing(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await self._hub.close()
                await self._reader.close()
            await send(message)

        return sent

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        named = headers.get(b"x-request-id", b"")
        request_id = named if _REQUEST_ID.fullmatch(named) else b"%s-%d" % (self._process, next(self._numbers))
        scope.setdefault("state", {})
        scope["app"] = self._edge
        correlation_id.set(request_id.decode())
        response: Response | _Plain
        try:
            response = await self._answer(Request(scope, receive), headers, receive)
        except BadRequest as error:
            response = _Plain({"errorCode": error.code, "errorDetails": str(error)}, 400)
        except Problem as problem:
            response = render(scope["path"], problem)
        except (SQLAlchemyError, psycopg.Error, OSError) as error:
            _log.warning("the database did not answer", error=type(error).__name__, path=scope["path"])
            away = Problem(503, "database.down", "The database cannot be reached.", headers={"Retry-After": "5"})
            response = render(scope["path"], away)
        except Exception as error:  # the edge answers, whatever is broken behind it
            _log.error("a request failed", path=scope["path"], exc_info=error)
            response = _Plain({"errorCode": "GENERAL", "errorDetails": "Something here is broken; see the log."}, 500)
        extra = self._origins.headers(headers.get(b"origin"))
        response.raw_headers.extend([(b"x-request-id", request_id), *extra])
        if response.status_code >= 400:
            told = {"method": scope["method"], "path": scope["path"], "status": response.status_code}
            _log.info("request", request_id=request_id.decode(), **told)
        await response(scope, receive, send)

    async def _answer(self, request: Request, headers: Mapping[bytes, bytes], receive: Receive) -> Response | _Plain:
        path, method = request.scope["path"], request.scope["method"]
        if method == "OPTIONS":
            return Response(status_code=204, headers=self._origins.preflight(headers.get(b"origin")))
        if path == _STREAM and method == "GET":
            return await self._stream(request, headers)
        if not (path == _BULK or path.startswith(_ONE)):
            raise Problem(404, "http", f"There is nothing at {path}. Flags are evaluated at POST {_BULK}[/key].")
        if method != "POST":
            raise Problem(405, "http", "Flags are evaluated by POST.", headers={"Allow": "POST, OPTIONS"})
        caller, token = await self._keys.caller(request)
        body = await _body(headers, receive, self._most)
        if path == _BULK:
            return await self._evaluate_all(caller, body, headers.get(b"if-none-match", b"").decode("latin-1"), token)
        return await self._evaluate(caller, body, path[len(_ONE) :])

    async def _evaluate(self, caller: ApiKey, body: bytes, key: str) -> _Plain:
        """One flag for one context."""
        try:
            context = _context(body, caller)
        except BadRequest as error:
            return _Plain({"key": key, "errorCode": error.code, "errorDetails": str(error)}, 400)
        found = (await self._reader.get(caller.tenant_id)).set.evaluate(key, context)
        self._one.inc()
        if isinstance(found, Failure):
            return _Plain(_rendered(found), 404 if found.code == "FLAG_NOT_FOUND" else 400)
        return _Plain(_rendered(found), 200)

    async def _evaluate_all(self, caller: ApiKey, body: bytes, known: str, token: str) -> Response:
        """Every flag of the tenant for one context; 304 when nothing differs from what the client has."""
        context = _context(body, caller)
        flags = (await self._reader.get(caller.tenant_id)).set
        self._all.inc()
        stream = {
            "type": "sse",
            "endpoint": {"requestUri": f"{_STREAM}?token={token}"},
            "inactivityDelaySec": self._flag.inactivity_seconds,
        }
        return _bulk(flags, context, known, stream)

    async def _stream(self, request: Request, headers: Mapping[bytes, bytes]) -> Response:
        """Server-sent events: read again."""
        tokens = parse_qs(request.scope["query_string"].decode("latin-1")).get("token")
        key = await self._keys.listener(request, tokens[0] if tokens else None)
        seen = headers.get(b"last-event-id", b"").decode("latin-1") or None
        return self._hub.stream(key, seen, {})


async def _body(headers: Mapping[bytes, bytes], receive: Receive, most: int) -> bytes:
    announced = headers.get(b"content-length", b"0")
    parts, size, more = [], 0, True
    too_large = announced.isdigit() and int(announced) > most
    while more and not too_large:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        too_large, more = size > most, message.get("more_body", False)
    if too_large:
        raise Problem(413, "body.too_large", f"The body is larger than {most} bytes.", headers={"Connection": "close"})
    return b"".join(parts)


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


def _bulk(flags: FlagSet, context: Mapping[str, Any], known: str, stream: Mapping[str, Any]) -> Response:
    """The tag covers what was evaluated and where changes are told: it differs by context, and when a hold lapses."""
    body = {
        "flags": [_rendered(flags.evaluate(key, context)) for key in flags.keys],
        "metadata": {},
        "eventStreams": [stream],
    }
    text = _ENCODE(body)
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(text, media_type="application/json", headers=headers)


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
