"""What the doubles of identity providers share: real HTTP on loopback, a log, and mishaps on demand."""

import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Route = tuple[str, str, Callable[..., Any]]
CUT, CUT_AFTER = "cut", "cut after the effect"
"""Mishaps: the connection ends without an answer, and the effect is not made, or is."""


class Problem(Exception):
    """Answered as a status with a body."""

    def __init__(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, headers or {}


class Double:
    """Routes requests to methods named in `routes`; `{x}` in a path is an argument."""

    routes: tuple[Route, ...] = ()
    request_id_header = "x-request-id"

    def __init__(self) -> None:
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.log: list[tuple[str, str]] = []
        self.mishap: Callable[[str, str], Any] = lambda method, path: None
        self.query: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.answer_headers: dict[str, str] = {}
        self._lock = threading.Lock()
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                with double._lock:
                    answer = double.handle(self.command, self.path, raw, dict(self.headers))
                if answer is None:
                    self.close_connection = True
                    return
                status, body, headers = answer
                payload = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def handle(self, method: str, target: str, raw: bytes, headers: dict[str, str]) -> Any:
        parts = urlsplit(target)
        self.log.append((method, unquote(parts.path)))
        mishap = self.mishap(method, unquote(parts.path))
        if mishap == CUT:
            return None
        if isinstance(mishap, tuple):
            return mishap
        self.query = dict(parse_qsl(parts.query))
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.answer_headers = {}
        try:
            status, body = self.route(method, parts.path, raw)
            answer = (status, body, {self.request_id_header: f"req-{len(self.log)}", **self.answer_headers})
        except Problem as problem:
            answer = (problem.status, problem.body, problem.headers)
        return None if mishap == CUT_AFTER else answer

    def route(self, method: str, path: str, raw: bytes) -> tuple[int, Any]:
        for verb, pattern, handler in self.routes:
            found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern), path)
            if verb == method and found:
                self.authorize(method, path)
                arguments = {name: unquote(value) for name, value in found.groupdict().items()}
                body = raw.decode() if raw else ""
                result = handler(self, body, **arguments)
                return result if isinstance(result, tuple) else (200, result)
        raise Problem(404, {"error": f"no such resource {method} {path}"})

    def authorize(self, method: str, path: str) -> None:
        """Raises Problem for a credential that is not good."""

    def writes(self) -> list[str]:
        """What was asked for beside reading and tokens, in order."""
        return [f"{m} {p}" for m, p in self.log if m != "GET" and not p.endswith("/token")]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def once(mishap: Any, method: str, part: str) -> Callable[[str, str], Any]:
    """A mishap for the first request of `method` whose path has `part`."""
    left = [mishap]

    def decide(verb: str, path: str) -> Any:
        return left.pop() if left and verb == method and part in path else None

    return decide
