"""One Socket Mode connection of the app, as Slack's end of it sees it: envelopes out, acknowledgements in."""

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

Kind = Literal["interactive", "slash_commands", "events_api"]
"""What happened: a click or a form, a command, something the app listens to."""
Answer = dict[str, Any]
"""{"status", "body", "ms", "in_time"}."""
Reason = Literal["refresh_requested", "warning", "link_disabled"]


@dataclass(eq=False)
class Link:
    """Slack's end of one connection."""

    socket: WebSocket
    deaf: bool = False
    """It hears no acknowledgement: the app's answers are lost on the way."""
    acknowledged: list[str] = field(default_factory=list)
    """Ids of envelopes the app has taken, in order."""
    _waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)

    async def serve(self, connections: int) -> None:
        """Say hello, then hear what the app says until it leaves."""
        await self.socket.send_json(
            {
                "type": "hello", "num_connections": connections, "connection_info": {"app_id": "A1"},
                "debug_info": {"host": "fake", "approximate_connection_time": 3600},
            }
        )  # fmt: skip
        while True:
            try:
                said = await self.socket.receive_json()
            except (WebSocketDisconnect, RuntimeError):  # RuntimeError: closed by our own end meanwhile
                return
            if not self.deaf:
                self._heard(said)

    async def send(self, payload: dict[str, Any], kind: Kind, retry: int, *, patience: float) -> Answer:
        """Hand one envelope over and wait for its acknowledgement."""
        name = secrets.token_hex(8)
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[name] = answered
        envelope = {
            "envelope_id": name, "type": kind, "payload": payload, "accepts_response_payload": kind != "events_api",
        }  # fmt: skip
        if kind == "events_api":
            envelope |= {"retry_attempt": retry, "retry_reason": "timeout" if retry else ""}
        began = time.perf_counter()
        try:
            await self.socket.send_json(envelope)
            body = await asyncio.wait_for(answered, patience)
        except (TimeoutError, RuntimeError, WebSocketDisconnect):
            return {"status": 0, "body": "no acknowledgement", "ms": patience * 1000, "in_time": False}
        finally:
            self._waiting.pop(name, None)
        return {"status": 200, "body": body, "ms": (time.perf_counter() - began) * 1000, "in_time": True}

    async def leave(self, reason: Reason = "refresh_requested", *, close: bool = True) -> None:
        """Tell the app that this connection ends, as Slack does every few hours, and end it."""
        if self.socket.application_state is WebSocketState.CONNECTED:
            await self.socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "fake"}})
        if close:
            await self.drop()

    async def drop(self) -> None:
        """End the connection without a word."""
        if self.socket.application_state is WebSocketState.CONNECTED:
            await self.socket.close()

    def _heard(self, said: dict[str, Any]) -> None:
        name = str(said.get("envelope_id"))
        self.acknowledged.append(name)
        waiting = self._waiting.get(name)
        if waiting is not None and not waiting.done():
            payload = said.get("payload", "")
            waiting.set_result(payload["text"] if isinstance(payload, dict) and set(payload) == {"text"} else payload)
