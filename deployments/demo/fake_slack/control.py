"""The control API: lists messages and plays users, for an approver in another process. No part of Slack."""

from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from deployments.demo.fake_slack.workspace import TEAM, FakeSlack, Fault


class Click(BaseModel):
    """A user clicks a button of a message."""

    ts: str
    action_id: str
    user: str
    team: str = TEAM
    repeat: int = 1
    """How often Slack delivers the same click."""


class Submit(BaseModel):
    """A user fills in a modal and submits it."""

    view_id: str
    values: dict[str, str]
    user: str
    team: str = TEAM


class Behave(BaseModel):
    """How the workspace behaves from now on."""

    app_url: str | None = None
    down: bool | None = None
    faults: dict[str, dict[str, Any]] | None = None
    """By method, or "*": {"status", "error", "retry_after", "times"}. Replaces what was there."""


def create_router(slack: FakeSlack) -> APIRouter:
    """The routes under /control."""
    router = APIRouter(prefix="/control")
    _shows(router, slack)
    _plays(router, slack)
    return router


def _shows(router: APIRouter, slack: FakeSlack) -> None:
    """What there is to see."""

    @router.get("/messages")
    def messages(channel: str | None = None) -> list[dict[str, Any]]:
        """Every message, oldest first, each with its buttons."""
        return [
            {**message, "buttons": buttons(message)}
            for message in slack.messages
            if channel in (None, message["channel"])
        ]

    @router.get("/private")
    def private() -> list[dict[str, Any]]:
        """What was told to single users."""
        return slack.private


def _plays(router: APIRouter, slack: FakeSlack) -> None:
    """What users and the network do."""

    @router.post("/click")
    async def click(what: Click) -> dict[str, Any]:
        """Deliver a click; the answer, and the modal that it opened, if any."""
        try:
            payload = slack.click_payload(what.ts, what.action_id, what.user, what.team)
        except LookupError as error:
            raise HTTPException(404, str(error)) from error
        known = set(slack.views)
        answers = [await slack.deliver(payload, retry=number) for number in range(what.repeat)]
        opened = [view for name, view in slack.views.items() if name not in known]
        return {**answers[0], "view": opened[-1] if opened else None}

    @router.post("/submit")
    async def submit(what: Submit) -> dict[str, Any]:
        """Deliver a filled modal; the modal closes unless the answer has errors."""
        if what.view_id not in slack.views:
            raise HTTPException(404, f"no modal {what.view_id} is open")
        answer = await slack.deliver(slack.submit_payload(what.view_id, what.values, what.user, what.team))
        errors = answer["body"].get("errors", {}) if isinstance(answer["body"], dict) else {}
        if answer["status"] == 200 and not errors:
            del slack.views[what.view_id]
        return {**answer, "errors": errors}

    @router.post("/behave")
    def behave(how: Behave) -> dict[str, bool]:
        """Go down, come back, or run into faults."""
        slack.app_url = how.app_url if how.app_url is not None else slack.app_url
        slack.down = how.down if how.down is not None else slack.down
        if how.faults is not None:
            slack.faults = {method: Fault(**fault) for method, fault in how.faults.items()}
        return {"ok": True}


def buttons(message: dict[str, Any]) -> list[dict[str, str]]:
    """The buttons of a message: {"action_id", "value", "text"}."""
    return [
        {"action_id": element["action_id"], "value": element.get("value", ""), "text": element["text"]["text"]}
        for block in message["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    ]
