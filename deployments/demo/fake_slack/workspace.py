"""The workspace: what was posted, what was opened, and what its people do, signed as Slack signs it."""

import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

TEAM, BOT_USER, APP = "T1", "U0BOT", "A1"
_TRIGGER_SECONDS = 3.0
_RESPONSE_URL_SECONDS, _RESPONSE_URL_USES = 1800.0, 5
_ANSWER_SECONDS = 3.0
"""After this Slack shows the user an error, whatever the app answers."""


@dataclass
class Fault:
    """What the Web API answers instead, `times` times (None = until taken away)."""

    status: int = 200
    error: str = "internal_error"
    retry_after: int | None = None
    times: int | None = None


@dataclass
class FakeSlack:
    """One workspace with one app installed."""

    app_url: str = ""
    """Base URL of the app: clicks go to its /slack/interactivity."""
    url: str = ""
    """Base URL of this fake: for response_url."""
    signing_secret: str = "fake-signing-secret"  # noqa: S105 - of the fake
    bot_token: str = "xoxb-fake"  # noqa: S105
    trigger_seconds: float = _TRIGGER_SECONDS
    down: bool = False
    messages: list[dict[str, Any]] = field(default_factory=list)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    private: list[dict[str, Any]] = field(default_factory=list)
    """What was told to one user only, through a response_url."""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    """By method name; "*" = all."""
    triggers: dict[str, float] = field(default_factory=dict)
    response_urls: dict[str, dict[str, Any]] = field(default_factory=dict)
    _last_ts: int = 0

    def settings(self) -> dict[str, str]:
        """What the app needs to be told, as its environment."""
        return {
            "OPSSPINE_SLACK__BOT_TOKEN": self.bot_token,
            "OPSSPINE_SLACK__SIGNING_SECRET": self.signing_secret,
            "OPSSPINE_SLACK__BASE_URL": self.url,
            "OPSSPINE_SLACK__CHANNEL": "C0OPS",
        }

    def new_ts(self) -> str:
        """A message's timestamp: unique in the workspace, rising."""
        self._last_ts = max(self._last_ts + 1, time.time_ns() // 1000)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def message(self, ts: str) -> dict[str, Any] | None:
        """The message with this timestamp."""
        return next((message for message in self.messages if message["ts"] == ts), None)

    def fault(self, method: str) -> Fault | None:
        """What this call runs into, counted down."""
        name = method if method in self.faults else "*"
        fault = self.faults.get(name)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                del self.faults[name]
        return fault

    def take_trigger(self, trigger: str) -> str | None:
        """Use a trigger id: once, and within three seconds. The error, or None."""
        expires = self.triggers.pop(trigger, None)
        if expires is None:
            return "exchanged_trigger_id"
        return "expired_trigger_id" if time.monotonic() > expires else None

    def open_view(self, view: dict[str, Any]) -> dict[str, Any]:
        """Show a modal."""
        name = f"V{secrets.token_hex(5)}"
        self.views[name] = {**view, "id": name, "hash": secrets.token_hex(4), "team_id": TEAM, "app_id": APP}
        return self.views[name]

    def use_response_url(self, name: str, payload: dict[str, Any]) -> str | None:
        """What the app says through a response_url: at most five times in half an hour. The error, or None."""
        known = self.response_urls.get(name)
        if known is None or time.monotonic() > known["expires"]:
            return "expired_url"
        known["uses"] += 1
        if known["uses"] > _RESPONSE_URL_USES:
            return "used_url"
        self.private.append({"user": known["user"], "ts": known["ts"], **payload})
        return None

    def click_payload(self, ts: str, action_id: str, user: str, team: str = TEAM) -> dict[str, Any]:
        """The block_actions payload of a click on a button of a message.

        Raises:
            LookupError: the message has no such button (any more).
        """
        message = self.message(ts)
        found = [
            (block, element)
            for block in (message or {}).get("blocks", [])
            if block["type"] == "actions"
            for element in block["elements"]
            if element["action_id"] == action_id
        ]
        if message is None or not found:
            raise LookupError(f"message {ts} has no button {action_id}")
        block, button = found[0]
        action = {
            "type": "button", "action_id": action_id, "block_id": block.get("block_id", "b"),
            "value": button.get("value"), "text": button["text"], "action_ts": self.new_ts(),
        }  # fmt: skip
        return {
            "type": "block_actions", **self._who(user, team),
            "container": {"type": "message", "message_ts": ts, "channel_id": message["channel"], "is_ephemeral": False},
            "channel": {"id": message["channel"], "name": "ops"}, "message": message, "state": {"values": {}},
            "response_url": self._response_url(user, ts), "actions": [action],
        }  # fmt: skip

    def submit_payload(self, view_id: str, values: dict[str, str], user: str, team: str = TEAM) -> dict[str, Any]:
        """The view_submission payload of a modal filled in; `values` by block id."""
        view = self.views[view_id]
        filled = {
            block["block_id"]: {
                block["element"]["action_id"]: {"type": "plain_text_input", "value": values.get(block["block_id"])}
            }
            for block in view["blocks"]
            if block["type"] == "input"
        }
        return {
            "type": "view_submission", **self._who(user, team), "view": {**view, "state": {"values": filled}},
            "response_urls": [],
        }  # fmt: skip

    def signed(self, body: str, *, at: float | None = None, secret: str | None = None) -> dict[str, str]:
        """Headers that prove that `body` is from Slack, as of `at` (seconds since 1970)."""
        stamp = str(int(at if at is not None else time.time()))
        key = (secret or self.signing_secret).encode()
        digest = hmac.new(key, f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        return {
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
            "Content-Type": "application/x-www-form-urlencoded",
        }

    async def deliver(self, payload: dict[str, Any], *, retry: int = 0, **signing: Any) -> dict[str, Any]:
        """Post an interaction to the app, as Slack does: {"status", "body", "ms", "in_time"}."""
        body = urlencode({"payload": json.dumps(payload)})
        headers = self.signed(body, **signing)
        if retry:
            headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"}
        began = time.perf_counter()
        async with httpx.AsyncClient(timeout=15) as client:
            answer = await client.post(f"{self.app_url}/slack/interactivity", content=body, headers=headers)
        seconds = time.perf_counter() - began
        said = answer.json() if "json" in answer.headers.get("content-type", "") else answer.text
        return {"status": answer.status_code, "body": said, "ms": seconds * 1000, "in_time": seconds < _ANSWER_SECONDS}

    def _who(self, user: str, team: str) -> dict[str, Any]:
        trigger = f"{int(time.time())}.{secrets.token_hex(8)}"
        self.triggers[trigger] = time.monotonic() + self.trigger_seconds
        return {
            "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": team},
            "team": {"id": team, "domain": "fake"}, "api_app_id": APP, "token": "legacy", "trigger_id": trigger,
            "enterprise": None, "is_enterprise_install": False,
        }  # fmt: skip

    def _response_url(self, user: str, ts: str) -> str:
        name = secrets.token_hex(6)
        expires = time.monotonic() + _RESPONSE_URL_SECONDS
        self.response_urls[name] = {"uses": 0, "expires": expires, "user": user, "ts": ts}
        return f"{self.url}/actions/{TEAM}/{name}"
