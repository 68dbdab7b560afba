"""The scripted approver, against the fake Slack and an app that asks for a code as ours does."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pyotp
import pytest
from fastapi import FastAPI, Form, Response
from fastapi.responses import JSONResponse
from rich.console import Console

from deployments.demo.approver import ByHand, Scripted
from deployments.demo.environment import APPROVER_EMAIL
from deployments.demo.fake_slack import FakeSlack, create_app
from deployments.demo.slack import SlackWorkspace
from deployments.port import free_port
from gateway.slack_view import step_up_view
from spine.person import Role
from spine.prompt import APPROVE, CODE, REASON
from spine.settings import Settings
from store import people
from store.secrets import Vault

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


def test_the_commands_for_a_person_work_as_they_are_printed(approval_case: Any, tmp_path: Path) -> None:
    case = approval_case
    vault = Vault.of(Settings(data_dir=tmp_path, secret_key=None), create=True)
    case.clock.advance(datetime.now(UTC) - case.clock.now())
    approval = case.ask(of=case.plan("now"))
    with case.database.system() as connection:
        roles = [(case.tenant, Role.SECURITY_ADMIN)]
        _, secret = people.add(connection, APPROVER_EMAIL, "Noor", roles, vault=vault, actor="t", now=case.clock.now())
    with (console := Console(width=80)).capture() as shown:
        by_hand = ByHand(console, SlackWorkspace(1, ""), tmp_path, secret)
        console.print(by_hand.explained(str(approval.id)), soft_wrap=True, highlight=False)
    code, show, yes, _ = (line[16:] for line in shown.get().splitlines()[1:5])

    def run(command: str, typed: str = "") -> str:
        environment = {"PATH": "/usr/bin:/bin", "DATABASE_URL": case.database.url}
        done = subprocess.run(
            command,
            check=False,
            shell=True,
            input=typed,
            capture_output=True,
            text=True,
            env=environment,
            start_new_session=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert approval.plan_hash in run(show)
    assert "Noor approved via cli" in run(yes, typed=run(code))
    assert case.get(approval).status == "approved"


def test_a_person_is_told_once_how_to_decide(slack: FakeSlack, tmp_path: Path) -> None:
    console, workspace = Console(width=80), SlackWorkspace(int(slack.url.rsplit(":", 1)[1]), "")

    async def run() -> None:
        task = asyncio.create_task(ByHand(console, workspace, tmp_path, SECRET).watch())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with console.capture() as shown:
        asyncio.run(run())
    assert shown.get().count(f"approve {str(APPROVAL)[:8]} --as {APPROVER_EMAIL}") == 1
