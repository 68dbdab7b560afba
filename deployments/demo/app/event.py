"""Auth events: kept in the application's own database, posted in batches, dropped once accepted."""

import json
import logging
import secrets
import threading
import time
from datetime import UTC, datetime

import httpx

from deployments.demo.app.database import ShopDatabase

_BATCH = 500
_LONGEST_PAUSE = 2.0
_log = logging.getLogger("shop.events")


class EventLog:
    """Writes events down in the request and sends them in the background.

    An event outlives an outage of the receiver and a crash of the application; its id makes a second
    delivery harmless.
    """

    def __init__(self, database: ShopDatabase, url: str, key: str, *, batch_seconds: float) -> None:
        self._database = database
        self._url = url
        self._key = key
        self._batch_seconds = batch_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event-sender", daemon=True)

    def start(self) -> None:
        """Begin sending."""
        self._thread.start()

    def stop(self) -> None:
        """Try once more to send what is left, then stop; the rest waits in the database for the next start."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def write(self, *kinds: str, user: str, ip: str, agent: str | None, session: str | None = None) -> None:
        """Something happened to `user` at the address `ip`; several `kinds` happened together."""
        common = {"occurred_at": datetime.now(UTC).isoformat(), "user_id": user, "ip": ip}
        if agent:
            common["user_agent"] = agent
        if session:
            common["session_id"] = session
        self._database.queue([json.dumps({"id": _event_id(), "type": kind, **common}) for kind in kinds])

    def _run(self) -> None:
        pause = self._batch_seconds
        with httpx.Client(headers={"Authorization": f"Bearer {self._key}"}, timeout=5) as client:
            while not self._stopping.wait(pause):
                pause = self._batch_seconds if self._send(client) else min(pause * 2, _LONGEST_PAUSE)
            self._send(client)

    def _send(self, client: httpx.Client) -> bool:
        """Post everything that waits; False when the receiver did not take it."""
        while rows := self._database.queued(_BATCH):
            body = "\n".join(line for _, line in rows)
            try:
                answer = client.post(self._url, content=body, headers={"Content-Type": "application/x-ndjson"})
                answer.raise_for_status()
            except httpx.HTTPError as error:
                _log.warning("%d events wait, for the receiver did not take them: %s", len(rows), error)
                return False
            self._database.delivered(rows[-1][0])
        return True


def _event_id() -> str:
    """Time first, then chance: such ids are unique and cheap to index."""
    return f"{time.time_ns() // 1000:016x}{secrets.token_hex(6)}"
