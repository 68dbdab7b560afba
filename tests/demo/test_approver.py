"""The scripted approver, against the fake Slack and an app that asks for a code as ours does."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import httpx
import pyotp
import pytest
from fastapi import FastAPI, Form, Response
from fastapi.responses import JSONResponse

from deployments.demo.approver import Scripted
from deployments.demo.fake_slack import FakeSlack, create_app
from deployments.demo.slack import SlackWorkspace
from deployments.port import free_port
from gateway.slack_view import step_up_view
from spine.prompt import APPROVE, CODE, REASON

APPROVAL = UUID(int=7)
SECRET = pyotp.random_base32()


class App:
    """Opens a form on a click, and takes it when its code is right and new."""

    def __init__(self, slack: FakeSlack, refuse_first: bool) -> None:
        self.slack = slack
        self.refuse_next = refuse_first
        self.codes: list[str] = []
        self.approved: list[dict[str, str]] = []

    def application(self) -> FastAPI:
        app = FastAPI()

        @app.post("/slack/interactivity")
        async def interactivity(payload: str = Form()) -> Response:
            body = json.loads(payload)
            if body["type"] == "block_actions":
                await self._open(body["trigger_id"])
                return Response()
            return self._take(body["view"]["state"]["values"])

        return app

    async def _open(self, trigger: str) -> None:
        headers = {"Authorization": f"Bearer {self.slack.bot_token}"}
        view = {"trigger_id": trigger, "view": step_up_view(APPROVAL)}
        async with httpx.AsyncClient(base_url=self.slack.url, headers=headers) as client:
            assert (await client.post("/api/views.open", json=view)).json()["ok"]

    def _take(self, values: dict[str, Any]) -> Response:
        typed = {name: values[name][name]["value"] for name in (CODE, REASON)}
        self.codes.append(typed[CODE])
        if self.refuse_next or not pyotp.TOTP(SECRET).verify(typed[CODE], valid_window=1):
            self.refuse_next = False
            return JSONResponse({"response_action": "errors", "errors": {CODE: "wait for the next"}})
        self.approved.append(typed)
        self.slack.messages[0]["blocks"] = []
        return Response()


@pytest.fixture
def slack(serving: Callable[..., Any]) -> Iterator[FakeSlack]:
    """A fake Slack with one question in it."""
    fake = FakeSlack(url=f"http://127.0.0.1:{free_port()}")
    with serving(create_app(fake), int(fake.url.rsplit(":", 1)[1])):
        button = {"type": "button", "action_id": APPROVE, "value": str(APPROVAL)}
        actions = {"type": "actions", "block_id": "b", "elements": [{**button, "text": {"text": "Approve"}}]}
        question = {"ts": fake.new_ts(), "channel": "C0OPS", "text": "?", "blocks": [actions]}
        fake.messages.append({**question, "type": "message", "user": "U0BOT", "metadata": {}, "thread_ts": None})
        yield fake


def _let_approve(app: App, workspace: SlackWorkspace, serving: Callable[..., Any], seconds: float) -> None:
    async def run() -> None:
        task = asyncio.create_task(Scripted(workspace, SECRET).watch())
        until = asyncio.get_running_loop().time() + seconds
        while not app.approved and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    port = free_port()
    app.slack.app_url = f"http://127.0.0.1:{port}"
    with serving(app.application(), port):
        asyncio.run(run())


def test_it_reads_clicks_and_proves_who_it_is(slack: FakeSlack, serving: Callable[..., Any]) -> None:
    app, workspace = App(slack, refuse_first=False), SlackWorkspace(int(slack.url.rsplit(":", 1)[1]), "")
    assert workspace.prompts(APPROVAL) == 1
    _let_approve(app, workspace, serving, 10)
    assert [bool(a[REASON]) for a in app.approved] == [True]
    assert workspace.prompts(APPROVAL) == 0


@pytest.mark.timeout(60)
def test_a_refused_code_is_never_tried_again(slack: FakeSlack, serving: Callable[..., Any]) -> None:
    app, workspace = App(slack, refuse_first=True), SlackWorkspace(int(slack.url.rsplit(":", 1)[1]), "")
    _let_approve(app, workspace, serving, 45)
    assert len(app.approved) == 1
    assert len(app.codes) == len(set(app.codes)) == 2


def test_a_workspace_that_is_down_is_asked_again() -> None:
    async def run() -> bool:
        task = asyncio.create_task(Scripted(SlackWorkspace(1, ""), SECRET).watch())
        await asyncio.sleep(1)
        alive = not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return alive

    assert asyncio.run(run())
