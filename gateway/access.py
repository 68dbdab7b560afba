"""What every request leaves behind: one line in the log, one observation in the metrics, its id on all it causes."""

import re
import time
from contextlib import AbstractContextManager

import structlog
from asgi_correlation_id import correlation_id
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.measure import UNMATCHED, Measures
from spine import trace

_log = structlog.get_logger(__name__)
QUIET = re.compile(r"/livez|/readyz|/api/health|/api/metrics|/ofrep/.*")
"""Asked all the time: their answers are logged only when they are errors."""
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Access:
    """Wraps the application; nothing of it knows that it is watched."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app, self._measures = app, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, first = time.perf_counter(), 500, None

        async def note(message: Message) -> None:
            nonlocal status, first
            if message["type"] == "http.response.start":
                status, first = message["status"], time.perf_counter()
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=correlation_id.get()), _span(scope) as span:
            try:
                await self._app(scope, receive, note)
            finally:
                took, route = (first or time.perf_counter()) - began, template(scope)
                self._measures.request(route, scope["method"], status, took)
                _finish(span, scope, route, status)
                if status >= 400 or not QUIET.fullmatch(scope["path"]):
                    ms = round((time.perf_counter() - began) * 1000, 1)
                    _log.info(
                        "request", method=scope["method"], path=scope["path"], status=status, ms=ms, **_about(scope)
                    )


def _span(scope: Scope) -> AbstractContextManager[trace.Span]:
    """Around the request, within the caller's trace if there is one. What machines ask all the time is not traced."""
    if not trace.on() or QUIET.fullmatch(scope["path"]):
        return trace.untraced()
    given = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
    parent = given if _TRACEPARENT.fullmatch(given) else None
    return trace.span(scope["method"], "server", parent=parent, request=correlation_id.get() or "")


def _finish(span: trace.Span, scope: Scope, route: str, status: int) -> None:
    """Only now the route is known, and how it went."""
    if not trace.on():
        return
    span.rename(f"{scope['method']} {route}")
    span.note(**{"http.request.method": scope["method"], "http.route": route, "http.response.status_code": status})
    span.note(**_about(scope))
    if status >= 500:
        span.failed(f"status {status}")


def _about(scope: Scope) -> dict[str, str]:
    """The incident a request was about, where its path names one."""
    given = scope.get("path_params") or {}
    return {"incident_id": str(given["incident_id"])} if "incident_id" in given else {}


def template(scope: Scope) -> str:
    """The template of the route that answered: never the path, for there are as many of those as anybody likes."""
    route = scope.get("route")
    return str(getattr(route, "path", UNMATCHED)) if route is not None else UNMATCHED
