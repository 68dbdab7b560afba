"""What tests of Slack share: a gateway, a fake Slack, and a relay between them. Loaded by the fixture `slack_case`."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from deployments.demo.fake_slack import FakeSlack, create_app
from gateway.app import create_app as create_gateway
from spine.prompt import APPROVE, CODE, REASON
from spine.settings import SlackSettings
from tasks.relay import drain


class SlackCase:
    """An approval case whose prompts are posted to, and answered in, a fake Slack over real HTTP."""

    def __init__(self, case: Any, serve: Callable[[Any], str]) -> None:
        self.case, self.serve = case, serve
        self.slack = FakeSlack()
        self.slack.url = serve(create_app(self.slack))
        case.settings.slack = SlackSettings(
            bot_token=self.slack.bot_token, signing_secret=self.slack.signing_secret, base_url=self.slack.url,
            channel="C0OPS",
        )  # fmt: skip
        case.settings.notify.mode = ["slack"]
        self.woken: list[UUID] = []
        self.restart_gateway()

    def restart_gateway(self) -> None:
        """A gateway that knows nothing but the database."""

        async def wake(approval: UUID) -> None:
            self.woken.append(approval)

        app = create_gateway(self.case.settings, self.case.database, clock=self.case.clock, wake=wake)
        self.slack.app_url = self.serve(app)

    def relay(self) -> int:
        """Deliver what is due."""
        return drain(self.case.database, self.case.settings, self.case.clock)

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

    def statuses(self) -> list[tuple[str, str]]:
        """(topic, status) of every outbox row, in order."""
        with self.case.database.system() as connection:
            rows = connection.execute(text("select topic, status from outbox order by created_at, topic desc"))
            return [tuple(row) for row in rows]

    def _control(self, verb: str, what: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(f"{self.slack.url}/control/{verb}", json=what, timeout=20)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
