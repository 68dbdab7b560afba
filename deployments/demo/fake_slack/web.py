"""The fake's HTTP side: the Web API the app calls, and a control API for whoever plays the users."""

import copy
import json
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from deployments.demo.fake_slack.control import create_router
from deployments.demo.fake_slack.limit import message_error, view_error
from deployments.demo.fake_slack.workspace import BOT_USER, TEAM, FakeSlack

Answer = dict[str, Any]


def create_app(slack: FakeSlack) -> FastAPI:
    """An application that is `slack` to whoever calls it."""
    app = FastAPI()
    app.include_router(create_router(slack))

    @app.api_route("/api/{method}", methods=["GET", "POST"])
    async def web_api(method: str, request: Request) -> Response:
        if slack.down:
            return Response(status_code=503)
        arguments = await _arguments(request)
        slack.calls.append((method, arguments))
        if fault := slack.fault(method):
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
            return JSONResponse({"ok": False, "error": fault.error}, fault.status, headers=headers)
        if method == "api.test":
            return JSONResponse({"ok": True})
        if request.headers.get("authorization") != f"Bearer {slack.bot_token}":
            return JSONResponse({"ok": False, "error": "invalid_auth"})
        called = _METHODS.get(method)
        return JSONResponse(called(slack, arguments) if called else {"ok": False, "error": "unknown_method"})

    @app.post("/actions/{team}/{name}")
    async def response_url(team: str, name: str, request: Request) -> Response:
        if slack.down:
            return Response(status_code=503)
        error = slack.use_response_url(name, await request.json())
        return JSONResponse({"ok": False, "error": error}, 404) if error else Response("ok")

    return app


async def _arguments(request: Request) -> Answer:
    arguments: Answer = dict(request.query_params)
    if "json" in request.headers.get("content-type", ""):
        arguments |= await request.json()
    elif request.method == "POST":
        arguments |= dict(await request.form())
    for name in ("blocks", "view", "metadata"):
        if isinstance(arguments.get(name), str):
            arguments[name] = json.loads(arguments[name])
    return arguments


def _error(name: str) -> Answer:
    return {"ok": False, "error": name}


def _auth_test(slack: FakeSlack, _: Answer) -> Answer:
    return {"ok": True, "url": slack.url, "team": "fake", "team_id": TEAM, "user_id": BOT_USER, "bot_id": "B1"}


def _post(slack: FakeSlack, arguments: Answer) -> Answer:
    if error := message_error(arguments.get("text", ""), arguments.get("blocks")):
        return _error(error)
    message = {
        "type": "message", "ts": slack.new_ts(), "channel": arguments["channel"].lstrip("#"), "user": BOT_USER,
        "text": arguments.get("text", ""), "blocks": arguments.get("blocks") or [],
        "metadata": arguments.get("metadata") or {}, "thread_ts": arguments.get("thread_ts"), "versions": 1,
    }  # fmt: skip
    slack.messages.append(message)
    return {"ok": True, "channel": message["channel"], "ts": message["ts"], "message": copy.deepcopy(message)}


def _update(slack: FakeSlack, arguments: Answer) -> Answer:
    message = slack.message(arguments["ts"])
    if message is None or message["channel"] != arguments["channel"]:
        return _error("message_not_found")
    if error := message_error(arguments.get("text", ""), arguments.get("blocks")):
        return _error(error)
    message.update(
        text=arguments.get("text", ""), blocks=arguments.get("blocks") or [], versions=message["versions"] + 1
    )
    return {"ok": True, "channel": message["channel"], "ts": message["ts"]}


def _history(slack: FakeSlack, arguments: Answer) -> Answer:
    oldest, limit = float(arguments.get("oldest", 0)), int(arguments.get("limit", 100))
    found = [
        message
        for message in reversed(slack.messages)
        if message["channel"] == arguments["channel"] and float(message["ts"]) >= oldest and not message["thread_ts"]
    ]
    return {"ok": True, "messages": copy.deepcopy(found[:limit]), "has_more": len(found) > limit}


def _open(slack: FakeSlack, arguments: Answer) -> Answer:
    if error := slack.take_trigger(arguments.get("trigger_id", "")) or view_error(arguments["view"]):
        return _error(error)
    return {"ok": True, "view": slack.open_view(arguments["view"])}


_METHODS: dict[str, Callable[[FakeSlack, Answer], Answer]] = {
    "auth.test": _auth_test,
    "chat.postMessage": _post,
    "chat.update": _update,
    "conversations.history": _history,
    "views.open": _open,
}
