"""The fake's HTTP side: the Web API the app calls, its connections, and a control API for whoever plays the users."""

import asyncio
import copy
import json
import secrets
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, Response

from deployments.demo.fake_slack.control import create_router
from deployments.demo.fake_slack.limit import MESSAGE_BLOCKS, faults, message_error, view_error
from deployments.demo.fake_slack.link import Link
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
        if (seconds := slack.patience(method, arguments)) is not None:
            return JSONResponse(_error("ratelimited"), 429, headers={"Retry-After": str(seconds)})
        if method == "api.test":
            return JSONResponse({"ok": True})
        wanted = slack.app_token if method == "apps.connections.open" else slack.bot_token
        if request.headers.get("authorization") != f"Bearer {wanted}":
            return JSONResponse(_error("invalid_auth"))
        called = _METHODS.get(method)
        answer = called(slack, arguments) if called else _error("unknown_method")
        return JSONResponse(answer, headers={"x-oauth-scopes": slack.scopes})

    @app.websocket("/link")
    async def connect(socket: WebSocket, ticket: str) -> None:
        """A connection of the app, by a ticket that apps.connections.open has given out."""
        if slack.down or ticket not in slack.tickets:
            await socket.close(1008)
            return
        slack.tickets.discard(ticket)
        await socket.accept()
        link, slack.loop = Link(socket), asyncio.get_running_loop()
        slack.links.append(link)
        try:
            await link.serve(len(slack.links))
        finally:
            slack.links.remove(link)

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
    for name in ("blocks", "view", "metadata", "reply_broadcast"):
        if isinstance(arguments.get(name), str):
            arguments[name] = json.loads(arguments[name])
    return arguments


def _error(name: str, *details: str) -> Answer:
    return {"ok": False, "error": name, **({"response_metadata": {"messages": list(details)}} if details else {})}


def _refused(error: str, blocks: list[Answer]) -> Answer:
    return _error(error, *(faults(blocks, MESSAGE_BLOCKS) if error == "invalid_blocks" else ()))


def _auth_test(slack: FakeSlack, _: Answer) -> Answer:
    return {"ok": True, "url": slack.url, "team": "fake", "team_id": TEAM, "user_id": BOT_USER, "bot_id": "B1"}


def _post(slack: FakeSlack, arguments: Answer) -> Answer:
    if error := message_error(arguments.get("text", ""), arguments.get("blocks")):
        return _refused(error, arguments.get("blocks") or [])
    thread = arguments.get("thread_ts")
    if thread is not None and slack.message(thread) is None:
        return _error("thread_not_found")
    message = {
        "type": "message", "ts": slack.new_ts(), "channel": arguments["channel"].lstrip("#"), "user": BOT_USER,
        "text": arguments.get("text", ""), "blocks": arguments.get("blocks") or [],
        "metadata": arguments.get("metadata") or {}, "thread_ts": thread, "versions": 1,
        "broadcast": bool(thread and arguments.get("reply_broadcast")),
    }  # fmt: skip
    slack.messages.append(message)
    return {"ok": True, "channel": message["channel"], "ts": message["ts"], "message": copy.deepcopy(message)}


def _update(slack: FakeSlack, arguments: Answer) -> Answer:
    message = slack.message(arguments["ts"])
    if message is None or message["channel"] != arguments["channel"]:
        return _error("message_not_found")
    if error := message_error(arguments.get("text", ""), arguments.get("blocks")):
        return _refused(error, arguments.get("blocks") or [])
    message.update(
        text=arguments.get("text", ""), blocks=arguments.get("blocks") or [], versions=message["versions"] + 1
    )
    return {"ok": True, "channel": message["channel"], "ts": message["ts"]}


def _history(slack: FakeSlack, arguments: Answer) -> Answer:
    oldest, limit = float(arguments.get("oldest", 0)), int(arguments.get("limit", 100))
    found = [
        message
        for message in reversed(slack.messages)
        if message["channel"] == arguments["channel"]
        and float(message["ts"]) >= oldest
        and (message["broadcast"] or not message["thread_ts"])
    ]
    return {"ok": True, "messages": copy.deepcopy(found[:limit]), "has_more": len(found) > limit}


def _replies(slack: FakeSlack, arguments: Answer) -> Answer:
    if slack.message(arguments["ts"]) is None:
        return _error("thread_not_found")
    limit = int(arguments.get("limit", 1000))
    found = [message for message in slack.messages if arguments["ts"] in (message["ts"], message["thread_ts"])]
    return {"ok": True, "messages": copy.deepcopy(found[:limit]), "has_more": len(found) > limit}


def _open(slack: FakeSlack, arguments: Answer) -> Answer:
    if error := slack.take_trigger(arguments.get("trigger_id", "")) or view_error(arguments["view"]):
        return _error(error)
    return {"ok": True, "view": slack.open_view(arguments["view"])}


def _update_view(slack: FakeSlack, arguments: Answer) -> Answer:
    view, name = arguments["view"], arguments.get("view_id", "")
    if error := view_error(view) or slack.update_view(name, view, arguments.get("hash")):
        return _error(error)
    return {"ok": True, "view": slack.views[name]}


def _publish(slack: FakeSlack, arguments: Answer) -> Answer:
    view, user = arguments["view"], arguments["user_id"]
    error = view_error(view) or ("invalid_arguments" if view["type"] != "home" else None)
    if error := error or slack.publish_home(user, view, arguments.get("hash")):
        return _error(error)
    return {"ok": True, "view": slack.homes[user]}


def _open_connection(slack: FakeSlack, _: Answer) -> Answer:
    ticket = secrets.token_hex(8)
    slack.tickets.add(ticket)
    return {"ok": True, "url": f"{slack.url.replace('http', 'ws', 1)}/link?ticket={ticket}&app_id=A1"}


_METHODS: dict[str, Callable[[FakeSlack, Answer], Answer]] = {
    "apps.connections.open": _open_connection,
    "auth.test": _auth_test,
    "chat.postMessage": _post,
    "chat.update": _update,
    "conversations.history": _history,
    "conversations.replies": _replies,
    "views.open": _open,
    "views.publish": _publish,
    "views.update": _update_view,
}
