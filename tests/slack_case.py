"""What tests of Slack share: a gateway, a fake Slack, and a relay between them. Loaded by the fixture `slack_case`."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from deployments.demo.fake_slack import FakeSlack, create_app
from gateway.app import create_app as create_gateway
from spine.prompt import APPROVE, CODE, REASON
from spine.settings import SlackSettings
from tasks.relay import drain
from tasks.slack.home import refresh

_PATIENT_SECONDS = 20
"""On a busy machine a click may take longer than Slack waits; what then happens is tested on purpose elsewhere."""


def spoken(blocks: list[dict[str, Any]]) -> str:
    """What blocks say, line by line, buttons in brackets."""
    lines = []
    for block in blocks:
        texts = [block["text"]] if "text" in block else [*block.get("fields", []), *block.get("elements", [])]
        accessory = [block["accessory"]] if "accessory" in block else []
        for one in [*texts, *accessory]:
            lines.append(f"[{one['text']['text']}]" if one["type"] == "button" else str(one["text"]))
    return "\n".join(lines)


class SlackCase:
    """An approval case whose prompts are posted to, and answered in, a fake Slack over real HTTP."""

    def __init__(self, case: Any, serve: Callable[[Any], str]) -> None:
        self.case, self.serve = case, serve
        self.slack = FakeSlack()
        self.slack.url = serve(create_app(self.slack))
        case.settings.slack = SlackSettings(
            bot_token=self.slack.bot_token, signing_secret=self.slack.signing_secret, base_url=self.slack.url,
            channel="C0OPS",
        ).model_copy(update={"answer_seconds": _PATIENT_SECONDS})  # fmt: skip
        case.settings.notify.mode = ["slack"]
        self.woken: list[UUID] = []
        self.started: list[tuple[str, dict[str, Any], str]] = []
        self.orchestrated = True
        """False = the orchestrator does not answer."""
        self.restart_gateway()

    def restart_gateway(self) -> None:
        """A gateway that knows nothing but the database."""

        async def wake(approval: UUID) -> None:
            self.woken.append(approval)

        async def start(deployment: str, parameters: Mapping[str, Any], key: str) -> bool:
            self.started.append((deployment, dict(parameters), key))
            return self.orchestrated

        app = create_gateway(self.case.settings, self.case.database, clock=self.case.clock, wake=wake, start=start)
        self.slack.app_url = self.serve(app)

    def relay(self) -> int:
        """Deliver what is due."""
        return drain(self.case.database, self.case.settings, self.case.clock)

    def show_homes(self) -> int:
        """Bring App Homes up to date, as the relay does; returns how many were published."""
        return refresh(self.case.database, self.case.settings, self.case.clock)

    def open_home(self, user: str, **more: Any) -> dict[str, Any]:
        """Somebody opens the App Home."""
        return self._control("home", {"user": user, **more})

    def home(self, user: str) -> str:
        """What a user's App Home says, line by line, buttons in brackets."""
        return spoken(self.slack.homes[user]["blocks"])

    @property
    def prompt(self) -> dict[str, Any]:
        """The newest message that speaks of an approval."""
        return [message for message in self.messages() if "Approval" in message["text"]][-1]

    def messages(self) -> list[dict[str, Any]]:
        """Everything posted, with its buttons."""
        found: list[dict[str, Any]] = httpx.get(f"{self.slack.url}/control/messages").json()
        return found

    def click(self, user: str, action: str = APPROVE, **more: Any) -> dict[str, Any]:
        """A click on the newest prompt."""
        what = {"ts": self.prompt["ts"], "action_id": action, "user": user, **more}
        return self._control("click", what)

    def submit(self, clicked: dict[str, Any], user: str, code: str, reason: str = "because") -> dict[str, Any]:
        """The modal that a click opened, filled in."""
        values = {CODE: code, REASON: reason}
        return self._control("submit", {"view_id": clicked["view"]["id"], "values": values, "user": user})

    def type(self, text: str, user: str) -> dict[str, Any]:
        """`/opsspine` and what follows it."""
        return self._control("command", {"text": text, "user": user})

    def statuses(self) -> list[tuple[str, str]]:
        """(topic, status) of every outbox row, in order."""
        with self.case.database.system() as connection:
            rows = connection.execute(text("select topic, status from outbox order by created_at, topic desc"))
            return [tuple(row) for row in rows]

    def private(self) -> list[dict[str, Any]]:
        """What was told to single users after their click, oldest first."""
        return self.slack.private

    def root(self) -> dict[str, Any]:
        """The first message of the newest thread."""
        return [message for message in self.messages() if message["thread_ts"] is None][-1]

    def _control(self, verb: str, what: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(f"{self.slack.url}/control/{verb}", json=what, timeout=20)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
