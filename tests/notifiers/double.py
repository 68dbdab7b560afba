"""Doubles of other systems' published HTTP APIs on real ports: they judge what they are sent, and fail on order."""

import json
import re
import threading
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, Any], dict[str, str]]
_ACTIONS = ("trigger", "acknowledge", "resolve")
_SEVERITIES = ("critical", "error", "warning", "info")
_LABEL = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")


class Double:
    """Answers POSTs of one path. `faults` are given first, each once."""

    def __init__(self, path: str, judge: Callable[[Any], Answer]) -> None:
        self.heard: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.faults: list[Answer] = []
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.path != path:
                    self._answer(404, {"message": "no such path"}, {})
                    return
                double.headers.append({name.lower(): value for name, value in self.headers.items()})
                if double.faults:
                    self._answer(*double.faults.pop(0))
                    return
                sent = json.loads(body)
                answer = judge(sent)
                if answer[0] < 300:
                    double.heard.append(sent)
                self._answer(*answer)

            def _answer(self, status: int, body: dict[str, Any], headers: dict[str, str]) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def pagerduty(keys: set[str]) -> Double:
    """Events API v2: `POST /v2/enqueue`, with one alert for each dedup_key."""

    def judge(event: Any) -> Answer:
        wrong = _wrong_event(event, keys)
        if wrong:
            return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": wrong}, {}
        return 202, {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}, {}

    return Double("/v2/enqueue", judge)


def _wrong_event(event: dict[str, Any], keys: set[str]) -> list[str]:
    wrong = []
    if event.get("routing_key") not in keys:
        wrong.append("'routing_key' is unknown")
    if event.get("event_action") not in _ACTIONS:
        wrong.append("'event_action' must be one of trigger, acknowledge, resolve")
    if not 1 <= len(event.get("dedup_key", "")) <= 255:
        wrong.append("'dedup_key' has 1 to 255 characters")
    if event.get("event_action") == "trigger":
        payload = event.get("payload", {})
        if not 1 <= len(payload.get("summary", "")) <= 1024:
            wrong.append("'payload.summary' has 1 to 1024 characters")
        if payload.get("severity") not in _SEVERITIES:
            wrong.append("'payload.severity' must be one of critical, error, warning, info")
        if not payload.get("source"):
            wrong.append("'payload.source' is missing or blank")
        wrong += [f"link {link} has no href" for link in event.get("links", []) if not link.get("href")]
    return wrong


def alertmanager() -> Double:
    """API v2: `POST /api/v2/alerts` takes a list of alerts, all or none."""

    def judge(alerts: Any) -> Answer:
        for alert in alerts:
            labels = alert.get("labels", {})
            if not labels or not all(_LABEL.match(name) and isinstance(v, str) for name, v in labels.items()):
                return 400, {"code": 602, "message": "labels are malformed"}, {}
            starts, ends = (datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
            if starts.tzinfo is None or ends < starts:
                return 400, {"code": 400, "message": "start time must be before end time"}, {}
        return 200, {}, {}

    return Double("/api/v2/alerts", judge)


def services() -> Double:
    """Takes anything at /notify, as the JSON service of Apprise posts it."""
    return Double("/notify", lambda _: (200, {}, {}))
