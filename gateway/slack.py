"""Slack coming in over HTTP: clicks, forms, commands and events. Each is signed over its raw body.

What they do stands in gateway/slack_app.py; where Slack cannot reach us, gateway/slack_socket.py brings the same in.
"""

from fastapi import APIRouter, Request, Response
from slack_bolt.adapter.fastapi.async_handler import AsyncSlackRequestHandler
from starlette.concurrency import run_in_threadpool

from gateway.context import Context
from gateway.problem import Problem
from gateway.slack_app import create_app


def create_router(context: Context) -> APIRouter:
    """The three endpoints a Slack app is configured with."""
    handler = AsyncSlackRequestHandler(create_app(context))
    router = APIRouter(prefix="/slack", include_in_schema=False)

    @router.post("/interactivity")
    @router.post("/events")
    @router.post("/commands")
    async def receive(request: Request) -> Response:
        """Whatever Slack sends; its signature and its age are checked before anything else."""
        try:
            (await request.body()).decode()
        except UnicodeDecodeError as error:
            raise Problem(400, "slack.encoding", "The body is no UTF-8.") from error
        answer = await handler.handle(request)
        if answer.status_code == 401:
            await run_in_threadpool(_unproven, context, request)
        return answer

    return router


def _unproven(context: Context, request: Request) -> None:
    address = request.client.host if request.client else "unknown"
    context.refusals.record(
        "slack.signature", now=context.clock.now(), actor=f"address:{address}", subject=f"POST {request.url.path}"
    )
