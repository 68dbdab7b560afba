"""Local receivers: one of traces (OTLP over HTTP), one of error reports (Sentry's envelopes)."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Seen(NamedTuple):
    """One span as it arrived."""

    service: str
    name: str
    trace: str
    span: str
    parent: str
    attributes: dict[str, Any]
    failed: bool


class Collector:
    """Listens on a free port of this machine and keeps what it is sent."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        self.events: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        handler = type("Handler", (_Handler,), {"collector": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def dsn(self) -> str:
        """Where errors are reported to."""
        return f"http://key@127.0.0.1:{self.port}/1"

    def until(self, done: Callable[[], Any], seconds: float = 10) -> Any:
        """The first true value of `done`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := done():
                return found
            time.sleep(0.05)
        raise AssertionError(f"nothing within {seconds} s; spans: {self.spans}, events: {self.events}")

    def named(self, start: str) -> list[Seen]:
        """Spans whose name begins so."""
        return [span for span in list(self.spans) if span.name.startswith(start)]


class _Handler(BaseHTTPRequestHandler):
    collector: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.collector.bodies.append(body)
        if self.path == "/v1/traces":
            self.collector.spans += _spans(body)
        else:
            self.collector.events += _events(body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _spans(body: bytes) -> Iterator[Seen]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
        for scope in resource.scope_spans:
            for span in scope.spans:
                attributes = {a.key: a.value.string_value or a.value.int_value for a in span.attributes}
                yield Seen(
                    service, span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(),
                    attributes, span.status.code == 2,
                )  # fmt: skip


def _events(body: bytes) -> Iterator[dict[str, Any]]:
    lines = body.split(b"\n")
    for head, item in zip(lines[1::2], lines[2::2], strict=False):
        if json.loads(head).get("type") == "event":
            yield json.loads(item)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A receiver for one test."""
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()
