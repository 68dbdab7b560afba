"""The workspace: what was posted, what was opened, and what its people do, signed as Slack signs it."""

import asyncio
import hashlib
import hmac
import json
import math
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from deployments.demo.fake_slack.link import Answer, Kind, Link

TEAM, BOT_USER, APP = "T1", "U0BOT", "A1"
_TRIGGER_SECONDS = 3.0
_RESPONSE_URL_SECONDS, _RESPONSE_URL_USES = 1800.0, 5
_ANSWER_SECONDS = 3.0
"""After this Slack shows the user an error, whatever the app answers."""
_PATHS: dict[Kind, str] = {"interactive": "interactivity", "slash_commands": "commands", "events_api": "events"}


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
    app_token: str = "xapp-fake"  # noqa: S105
    scopes: str = "chat:write,commands,channels:history"
    """What the bot token may do, as Slack tells it with every answer."""
    socket_mode: bool = False
    """What happens goes to the app through its own connections, and no more to `app_url`."""
    links: list[Link] = field(default_factory=list)
    """The app's connections, the oldest first. Each thing that happens goes to one of them."""
    loop: asyncio.AbstractEventLoop | None = None
    """On which the connections live, once there is one."""
    tickets: set[str] = field(default_factory=set)
    """Of connections that apps.connections.open has promised; each is good once."""
    trigger_seconds: float = _TRIGGER_SECONDS
    down: bool = False
    messages: list[dict[str, Any]] = field(default_factory=list)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    homes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each user's App Home shows."""
    private: list[dict[str, Any]] = field(default_factory=list)
    """What was told to one user only, through a response_url."""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    """By method name; "*" = all."""
    limits: dict[str, tuple[int, float]] = field(default_factory=dict)
    """So many calls in so many seconds, by method; of chat.postMessage by channel, as Slack counts."""
    triggers: dict[str, float] = field(default_factory=dict)
    response_urls: dict[str, dict[str, Any]] = field(default_factory=dict)
    _last_ts: int = 0
    _times: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        """What the app needs to be told, as its environment."""
        way_in = {"APP_TOKEN": self.app_token} if self.socket_mode else {"SIGNING_SECRET": self.signing_secret}
        told = {"BOT_TOKEN": self.bot_token, "BASE_URL": self.url, "CHANNEL": "C0OPS", **way_in}
        return {f"OPSSPINE_SLACK__{name}": value for name, value in told.items()}

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

    def patience(self, method: str, arguments: dict[str, Any]) -> int | None:
        """Seconds that a caller has to wait who calls too often; None = it does not."""
        if method not in self.limits:
            return None
        most, seconds = self.limits[method]
        where = str(arguments.get("channel", "")) if method == "chat.postMessage" else ""
        now = time.monotonic()
        times = self._times.setdefault((method, where), [])
        times[:] = [at for at in times if at > now - seconds]
        if len(times) >= most:
            return max(math.ceil(times[0] + seconds - now), 1)
        times.append(now)
        return None

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

    def update_view(self, name: str, view: dict[str, Any], expected: str | None = None) -> str | None:
        """Show something else in an open modal. The error, or None."""
        known = self.views.get(name)
        if known is None:
            return "not_found"
        if expected is not None and expected != known["hash"]:
            return "hash_conflict"
        self.views[name] = {**view, "id": name, "hash": secrets.token_hex(4), "team_id": TEAM, "app_id": APP}
        return None

    def publish_home(self, user: str, view: dict[str, Any], expected: str | None = None) -> str | None:
        """Show `view` on a user's App Home. The error, or None."""
        known = self.homes.get(user)
        if known is not None and expected not in (None, known["hash"]):
            return "hash_conflict"
        versions = known["versions"] + 1 if known else 1
        name = known["id"] if known else f"V{secrets.token_hex(5)}"
        self.homes[user] = {**view, "id": name, "hash": secrets.token_hex(4), "versions": versions}
        return None

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
        action = self._pressed(message, action_id)
        if message is None or action is None:
            raise LookupError(f"message {ts} has no button {action_id}")
        return {
            "type": "block_actions", **self._who(user, team),
            "container": {"type": "message", "message_ts": ts, "channel_id": message["channel"], "is_ephemeral": False},
            "channel": {"id": message["channel"], "name": "ops"}, "message": message, "state": {"values": {}},
            "response_url": self._response_url(user, ts), "actions": [action],
        }  # fmt: skip

    def home_click_payload(self, action_id: str, value: str, user: str, team: str = TEAM) -> dict[str, Any]:
        """The block_actions payload of a click on a button of a user's App Home: it has no response_url.

        Raises:
            LookupError: the home has no such button (any more).
        """
        home = self.homes.get(user)
        action = self._pressed(home, action_id, value)
        if home is None or action is None:
            raise LookupError(f"the home of {user} has no button {action_id} for {value}")
        return {
            "type": "block_actions", **self._who(user, team), "container": {"type": "view", "view_id": home["id"]},
            "view": {**home, "state": {"values": {}}}, "actions": [action],
        }  # fmt: skip

    def command_payload(self, text: str, user: str, team: str = TEAM, command: str = "/opsspine") -> dict[str, str]:
        """What Slack sends when somebody types a command."""
        who = self._who(user, team)
        return {
            "token": "legacy", "team_id": team, "team_domain": "fake", "channel_id": "C0OPS", "channel_name": "ops",
            "user_id": user, "user_name": user.lower(), "command": command, "text": text, "api_app_id": APP,
            "is_enterprise_install": "false", "response_url": self._response_url(user, ""),
            "trigger_id": who["trigger_id"],
        }  # fmt: skip

    def event_payload(self, event: dict[str, Any], team: str = TEAM) -> dict[str, Any]:
        """What Slack sends when something happened that the app listens to."""
        return {
            "token": "legacy", "team_id": team, "api_app_id": APP, "type": "event_callback",
            "event": {"event_ts": self.new_ts(), **event}, "event_id": f"Ev{secrets.token_hex(5)}",
            "event_time": int(time.time()),
            "authorizations": [{"team_id": team, "user_id": BOT_USER, "is_bot": True, "enterprise_id": None}],
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

    async def deliver(
        self, payload: dict[str, Any], *, kind: Kind = "interactive", retry: int = 0, **signing: Any
    ) -> Answer:
        """Tell the app what happened, the way it wants to be told, and what it answers."""
        if self.socket_mode:
            return await self._through_link(payload, kind, retry)
        body = urlencode(payload) if kind == "slash_commands" else urlencode({"payload": json.dumps(payload)})
        if kind == "events_api":
            body = json.dumps(payload)
        headers = self.signed(body, **signing)
        if kind == "events_api":
            headers["Content-Type"] = "application/json"
        if retry:
            headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"}
        began = time.perf_counter()
        async with httpx.AsyncClient(timeout=15) as client:
            answer = await client.post(f"{self.app_url}/slack/{_PATHS[kind]}", content=body, headers=headers)
        seconds = time.perf_counter() - began
        said = answer.json() if "json" in answer.headers.get("content-type", "") else answer.text
        return {"status": answer.status_code, "body": said, "ms": seconds * 1000, "in_time": seconds < _ANSWER_SECONDS}

    async def _through_link(self, payload: dict[str, Any], kind: Kind, retry: int) -> Answer:
        """Through the newest of the app's connections; an event that nobody takes is offered to the next one."""
        for link in reversed(self.links):
            answer = await link.send(payload, kind, retry, patience=_ANSWER_SECONDS)
            if answer["in_time"] or kind != "events_api":
                return answer
            retry += 1
        return {"status": 0, "body": "no connection", "ms": 0.0, "in_time": False}

    def _pressed(self, shown: dict[str, Any] | None, action_id: str, value: str | None = None) -> dict[str, Any] | None:
        """The button of a message or a view, as an action; None = there is no such button."""
        for block in (shown or {}).get("blocks", []):
            accessory = [block["accessory"]] if "accessory" in block else []
            for button in block["elements"] if block["type"] == "actions" else accessory:
                if button["action_id"] == action_id and value in (None, button.get("value")):
                    return {
                        "type": "button", "action_id": action_id, "block_id": block.get("block_id", "b"),
                        "value": button.get("value"), "text": button["text"], "action_ts": self.new_ts(),
                    }  # fmt: skip
        return None

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
