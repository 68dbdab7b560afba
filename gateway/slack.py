"""Slack coming in: clicks, the modal, and one command. The decision is committed first, then Slack is answered.

Socket Mode is not used: every request is signed over its raw body. Who may decide is `store.decide`'s alone.
"""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response
from slack_bolt.adapter.fastapi.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from starlette.concurrency import run_in_threadpool

from gateway.context import Context
from gateway.problem import Problem
from gateway.slack_view import step_up_view
from spine.approval import Code, Outcome, Vote
from spine.person import PersonRef
from spine.prompt import APPROVE, CODE, DENY, REASON, STEP_UP
from spine.settings import SlackSettings
from store.decide import decide
from store.standing import standing

_log = structlog.get_logger(__name__)
_CALL_SECONDS = 2
"""Slack shows the user an error after three."""
_SETTLED = (Code.DECIDED, Code.EXPIRED, Code.VOID)
"""What came of a click that the waiting run must hear of."""
_LATE_TRIGGERS = frozenset({"expired_trigger_id", "exchanged_trigger_id", "trigger_expired", "trigger_exchanged"})
_TOO_LATE = "Slack took too long to open the form. Click again."
_SLACK_AWAY = "The form could not be opened. Click again, or: opsspine approvals approve {}"


def create_router(context: Context, settings: SlackSettings) -> APIRouter:
    """The three endpoints a Slack app is configured with."""
    desk = _Desk(context)
    handler = AsyncSlackRequestHandler(_bolt(desk, settings))
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


def _bolt(desk: "_Desk", settings: SlackSettings) -> AsyncApp:
    assert settings.bot_token is not None
    assert settings.signing_secret is not None
    token = settings.bot_token.get_secret_value()

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        """Without auth.test: when that fails, Bolt answers 200 and drops the click (measured)."""
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=token)

    base = f"{settings.base_url.rstrip('/')}/api/"
    app = AsyncApp(
        client=AsyncWebClient(base_url=base, timeout=_CALL_SECONDS, retry_handlers=[]),
        signing_secret=settings.signing_secret.get_secret_value(),
        authorize=authorize,
        process_before_response=True,
    )
    app.action(APPROVE)(desk.approve)
    app.action(DENY)(desk.deny)
    app.view(STEP_UP)(desk.submit)
    app.command("/opsspine")(desk.command)
    return app


class _Desk:
    """Handles what people do. A click carries an approval's id; all else is read and checked anew."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._background: set[asyncio.Task[None]] = set()

    async def approve(
        self, ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], respond: AsyncRespond, client: AsyncWebClient
    ) -> None:
        """Approve: at once where the gate allows, else through the modal."""
        outcome = await self._decide(body, action["value"], "approve")
        if outcome.code is Code.STEPUP_NEEDED:
            await self._ask_for_code(body, action["value"], respond, client)
        else:
            self._tell(outcome, respond)
        await ack()

    async def deny(self, ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], respond: AsyncRespond) -> None:
        """Deny: needs no second factor, for it lets nothing happen."""
        self._tell(await self._decide(body, action["value"], "deny"), respond)
        await ack()

    async def submit(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        """The modal: a code and a reason. What is wrong with them is said in the modal."""
        values = view["state"]["values"]
        typed = {name: (values[name][name].get("value") or "").strip() for name in (CODE, REASON)}
        approval = json.loads(view["private_metadata"])["approval"]
        outcome = await self._decide(body, approval, "approve", reason=typed[REASON], totp=typed[CODE])
        if outcome.counted:
            await ack()
        else:
            await ack(response_action="errors", errors={CODE: outcome.message})

    async def command(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """`/opsspine status`: what is open and what waits, in the tenants of whoever asks."""
        if body.get("text", "").strip() not in ("", "status"):
            await ack("Try `/opsspine status`.")
            return
        person = PersonRef.by_slack(body["team_id"], body["user_id"])
        await ack(await run_in_threadpool(self._standing, person))

    def _standing(self, person: PersonRef) -> str:
        with self._context.database.system() as connection:
            return standing(connection, person)

    async def _decide(
        self, body: dict[str, Any], approval: str, vote: Vote, *, reason: str = "", totp: str | None = None
    ) -> Outcome:
        context = self._context
        outcome = await run_in_threadpool(
            decide, context.database, approval, person=_person(body), vote=vote, via="slack", reason=reason,
            totp=totp, settings=context.settings, now=context.clock.now(),
        )  # fmt: skip
        _log.info("vote", approval=approval[:64], vote=vote, code=outcome.code.value, status=outcome.status.value)
        if outcome.approval is not None and outcome.code in _SETTLED:
            self._later(context.wake(outcome.approval.id), "the waiting run could not be woken; a sweep will")
        return outcome

    async def _ask_for_code(
        self, body: dict[str, Any], approval: str, respond: AsyncRespond, client: AsyncWebClient
    ) -> None:
        try:
            await client.views_open(trigger_id=body["trigger_id"], view=step_up_view(UUID(approval)))
        except SlackApiError as error:
            late = error.response.get("error") in _LATE_TRIGGERS
            repeated = error.response.get("error") in ("exchanged_trigger_id", "trigger_exchanged")
            if not repeated:  # a click that Slack delivers twice has its form already
                self._say(respond, _TOO_LATE if late else _SLACK_AWAY.format(approval))
        except (OSError, TimeoutError) as error:
            _log.warning("the form could not be opened", error=type(error).__name__)
            self._say(respond, _SLACK_AWAY.format(approval))

    def _tell(self, outcome: Outcome, respond: AsyncRespond) -> None:
        """To the one who clicked only: why nothing came of it, or what is still missing."""
        if outcome.code is not Code.DECIDED:
            self._say(respond, outcome.message)

    def _say(self, respond: AsyncRespond, text: str) -> None:
        answer = respond(text=text, response_type="ephemeral", replace_original=False)
        self._later(answer, "somebody could not be told what came of their click")

    def _later(self, work: Any, otherwise: str) -> None:
        """After Slack has its answer. What fails here is only logged."""
        task = asyncio.create_task(_quietly(work, otherwise))
        self._background.add(task)
        task.add_done_callback(self._background.discard)


async def _quietly(work: Coroutine[Any, Any, Any], otherwise: str) -> None:
    try:
        await work
    except Exception as error:  # the decision stands, whatever becomes of this
        _log.warning(otherwise, error=f"{type(error).__name__}: {error}")


def _person(body: dict[str, Any]) -> PersonRef:
    user = body["user"]
    return PersonRef.by_slack(user.get("team_id") or body["team"]["id"], user["id"])


def _unproven(context: Context, request: Request) -> None:
    address = request.client.host if request.client else "unknown"
    context.refusals.record(
        "slack.signature", now=context.clock.now(), actor=f"address:{address}", subject=f"POST {request.url.path}"
    )
