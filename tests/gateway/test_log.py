"""Logs of our processes are JSON lines, carry the request's id, and bear no secret."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.app import create_app
from spine.ids import TenantId
from spine.settings import Settings
from store.engine import Database
from store.keys import add_key

_PROGRAM = """
import logging, structlog
from deployments.log import configure
configure("gateway")
structlog.contextvars.bind_contextvars(request_id="r-1")
structlog.get_logger("a").info("login", password="hunter2", text="Authorization: Bearer abcdefghijklmnop0123456789")
logging.getLogger("other").warning("token=%s", "xoxb-123456789012-abcdefghijklmnop")
try:
    raise ValueError("api_key=sk_live_0123456789abcdefghijklmn")
except ValueError:
    logging.getLogger("other").exception("it failed")
"""


def test_every_line_is_redacted_json_with_the_process_and_the_request() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["event"] == "login"
    assert {line["process"] for line in lines} == {"gateway"}
    assert {line["request_id"] for line in lines} == {"r-1"}
    assert {line["level"] for line in lines} == {"info", "warning", "error"}
    for secret in ("hunter2", "abcdefghijklmnop", "sk_live_0123456789"):
        assert secret not in done.stdout


_BROKEN = """
import asyncio, httpx
from fastapi import FastAPI
from gateway import problem
from spine.log import plain
plain()
app = FastAPI()
problem.install(app)
@app.get("/broken")
def broken():
    secret = "sk_live_in_a_variable"
    raise RuntimeError("it broke")
async def ask():
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://spine") as client:
        print((await client.get("/broken")).status_code)
asyncio.run(ask())
"""


def test_what_breaks_is_told_without_what_variables_held() -> None:
    done = subprocess.run([sys.executable, "-c", _BROKEN], capture_output=True, text=True, check=True)
    assert "500" in done.stdout
    assert "RuntimeError: it broke" in done.stdout
    assert "in_a_variable" not in done.stdout.replace('secret = "sk_live_in_a_variable"', "")


@pytest.mark.parametrize(
    ("path", "key", "status", "logged"),
    [
        ("/ofrep/v1/evaluate/flags", True, 200, False),
        ("/ofrep/v1/evaluate/flags", False, 401, True),
        ("/ofrep/v1/evaluate/flags/missing", True, 404, True),
        ("/api/ops/events", True, 403, True),
        ("/livez", True, 405, True),
    ],
)
def test_what_machines_ask_all_the_time_is_a_line_only_when_it_fails(
    database: Database, path: str, key: bool, status: int, logged: bool
) -> None:
    with database.system() as connection:
        _, secret = add_key(connection, TenantId("acme"), "app", ["flags:read"], now=datetime.now(UTC))
    headers = {"Authorization": f"Bearer {secret}"} if key else {}

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(Settings(), database))
        async with httpx.AsyncClient(transport=transport, base_url="http://spine") as client:
            return await client.post(path, json={"context": {}}, headers=headers)

    with capture_logs() as lines:
        answer = asyncio.run(ask())
    assert answer.status_code == status
    assert [line["path"] for line in lines if line["event"] == "request"] == ([path] if logged else [])
