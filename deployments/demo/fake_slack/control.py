"""The control API: lists messages and plays users, for an approver in another process. No part of Slack."""

from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from deployments.demo.fake_slack.link import Kind, Reason
from deployments.demo.fake_slack.workspace import TEAM, FakeSlack, Fault


class Click(BaseModel):
    """A user clicks a button of a message."""

    ts: str
    action_id: str
    user: str
    team: str = TEAM
    repeat: int = 1
    """How often Slack delivers the same click."""


class HomeClick(BaseModel):
    """A user clicks a button of their App Home."""

    action_id: str
    value: str
    user: str
    team: str = TEAM


class Command(BaseModel):
    """A user types a command."""

    text: str
    user: str
    team: str = TEAM


class OpenHome(BaseModel):
    """A user opens the App Home, or another tab of it."""

    user: str
    team: str = TEAM
    tab: str = "home"
    repeat: int = 1


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
    limits: dict[str, tuple[int, float]] | None = None
    """By method: calls and seconds. Replaces what was there."""


class Disconnect(BaseModel):
    """Slack ends the app's connections, with or without a word."""

    reason: Reason | None = "refresh_requested"


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

    @router.get("/homes")
    def homes() -> dict[str, dict[str, Any]]:
        """Every App Home, by user."""
        return slack.homes

    @router.get("/links")
    def links() -> int:
        """How many connections the app has."""
        return len(slack.links)


def _plays(router: APIRouter, slack: FakeSlack) -> None:
    """What users and the network do."""

    async def press(payload: dict[str, Any], repeat: int) -> dict[str, Any]:
        """Deliver a click, or a command; the answer, and the modal that it opened, if any."""
        kind: Kind = "interactive" if "type" in payload else "slash_commands"
        known = set(slack.views)
        answers = [await slack.deliver(payload, kind=kind, retry=number) for number in range(repeat)]
        opened = [view for name, view in slack.views.items() if name not in known]
        return {**answers[0], "view": opened[-1] if opened else None}

    @router.post("/click")
    async def click(what: Click) -> dict[str, Any]:
        """Click a button of a message."""
        try:
            payload = slack.click_payload(what.ts, what.action_id, what.user, what.team)
        except LookupError as error:
            raise HTTPException(404, str(error)) from error
        return await press(payload, what.repeat)

    @router.post("/tab/click")
    async def click_home(what: HomeClick) -> dict[str, Any]:
        """Click a button of the App Home."""
        try:
            payload = slack.home_click_payload(what.action_id, what.value, what.user, what.team)
        except LookupError as error:
            raise HTTPException(404, str(error)) from error
        return await press(payload, 1)

    @router.post("/command")
    async def command(what: Command) -> dict[str, Any]:
        """Type `/opsspine …`."""
        return await press(slack.command_payload(what.text, what.user, what.team), 1)

    @router.post("/home")
    async def open_home(what: OpenHome) -> dict[str, Any]:
        """Open the App Home."""
        event = {"type": "app_home_opened", "user": what.user, "channel": "D1", "tab": what.tab}
        payload = slack.event_payload(event, what.team)
        answers = [await slack.deliver(payload, kind="events_api", retry=n) for n in range(what.repeat)]
        return answers[0]

    @router.post("/submit")
    async def submit(what: Submit) -> dict[str, Any]:
        """Deliver a filled modal; the modal closes unless the answer has errors."""
        if what.view_id not in slack.views:
            raise HTTPException(404, f"no modal {what.view_id} is open")
        answer = await slack.deliver(slack.submit_payload(what.view_id, what.values, what.user, what.team))
        said = answer["body"] if isinstance(answer["body"], dict) else {}
        errors = said.get("errors", {})
        if said.get("response_action") == "update":
            slack.update_view(what.view_id, said["view"])
        elif answer["status"] == 200 and not errors:
            slack.views.pop(what.view_id, None)
        return {**answer, "errors": errors}

    @router.post("/disconnect")
    async def disconnect(how: Disconnect) -> dict[str, int]:
        """End every connection of the app."""
        links = list(slack.links)
        for link in links:
            await (link.leave(how.reason) if how.reason else link.drop())
        return {"ended": len(links)}

    @router.post("/behave")
    def behave(how: Behave) -> dict[str, bool]:
        """Go down, come back, or run into faults."""
        slack.app_url = how.app_url if how.app_url is not None else slack.app_url
        slack.down = how.down if how.down is not None else slack.down
        if how.faults is not None:
            slack.faults = {method: Fault(**fault) for method, fault in how.faults.items()}
        slack.limits = how.limits if how.limits is not None else slack.limits
        return {"ok": True}


def buttons(message: dict[str, Any]) -> list[dict[str, str]]:
    """The buttons of a message: {"action_id", "value", "text"}."""
    return [
        {"action_id": element["action_id"], "value": element.get("value", ""), "text": element["text"]["text"]}
        for block in message["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    ]
