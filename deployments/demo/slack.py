"""The demo's side of the fake Slack: where it is, what it shows, and what a person does there."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from deployments.demo.fake_slack import FakeSlack
from deployments.demo.fake_slack.workspace import TEAM
from spine.person import PersonRef
from spine.prompt import APPROVE, CODE, REASON

_USER = "U0NOOR"


@dataclass(frozen=True, slots=True)
class Question:
    """A message that waits for a decision."""

    ts: str
    approval: str


class SlackWorkspace:
    """The fake Slack at a port, through its control API: what people of the workspace see and do."""

    def __init__(self, port: int, app_url: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.module = ("deployments.demo.fake_slack", "--port", str(port), "--app-url", app_url)
        """How to start it."""
        self.approver = PersonRef.by_slack(TEAM, _USER)

    def settings(self) -> dict[str, str]:
        """What the spine is told about its Slack."""
        return FakeSlack(url=self.url).settings()

    def questions(self) -> list[Question]:
        """Every message with an Approve button on it now."""
        messages: list[dict[str, Any]] = httpx.get(f"{self.url}/control/messages", timeout=5).json()
        return [
            Question(message["ts"], button["value"])
            for message in messages
            for button in message["buttons"]
            if button["action_id"] == APPROVE
        ]

    def prompts(self, approval: UUID) -> int:
        """How many messages ask for this decision."""
        return sum(question.approval == str(approval) for question in self.questions())

    def click_approve(self, question: Question) -> str | None:
        """Click Approve; the id of the form that opened, or None when none did."""
        body = {"ts": question.ts, "action_id": APPROVE, "user": _USER}
        view = self._post("click", body)["view"]
        return None if view is None else str(view["id"])

    def submit(self, view: str, code: str, reason: str) -> dict[str, str]:
        """Fill the form in and send it; what is wrong with it, by field."""
        body = {"view_id": view, "values": {CODE: code, REASON: reason}, "user": _USER}
        errors: dict[str, str] = self._post("submit", body)["errors"]
        return errors

    def _post(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(f"{self.url}/control/{what}", json=body, timeout=10)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
