"""The app as Slack knows it: every handler in one place, whichever way Slack's words come in."""

from typing import Any
from uuid import UUID

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient
from starlette.concurrency import run_in_threadpool

from gateway.context import Context
from gateway.slack_command import CommandDesk, acknowledged
from gateway.slack_desk import Desk
from gateway.slack_reply import AWAY, DATABASE_AWAY, Body, Errands, account, say
from gateway.slack_view import Reply
from spine.errors import Refused
from spine.person import PersonRef
from spine.prompt import ACKNOWLEDGE, APPROVE, COMMAND, DENY, HOME_OPENED, OPEN, STEP_UP
from store import account_link, incidents, people, slack_homes

_log = structlog.get_logger(__name__)
_CALL_SECONDS = 2
"""Slack shows the user an error after three."""
_NO_INCIDENT = "There is no such incident here. /opsspine status shows what is open."
_UNTOLD = "somebody could not be told what came of their click"


def create_app(context: Context) -> AsyncApp:
    """The handlers, over HTTP and over Socket Mode alike. Over HTTP each request's signature is checked first."""
    settings = context.settings.slack
    assert settings.bot_token is not None
    token = settings.bot_token.get_secret_value()

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        """Without auth.test: when that fails, Bolt answers 200 and drops the click (measured)."""
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=token)

    app = AsyncApp(
        client=AsyncWebClient(
            base_url=f"{settings.base_url.rstrip('/')}/api/", timeout=_CALL_SECONDS, retry_handlers=[]
        ),
        signing_secret=settings.signing_secret.get_secret_value() if settings.signing_secret else "",
        request_verification_enabled=True,  # an app without a signing secret has no HTTP endpoint at all
        authorize=authorize,
        process_before_response=True,
    )
    _register(app, context)
    return app


def _register(app: AsyncApp, context: Context) -> None:
    errands, doorman = Errands(), _Doorman(context)
    desk = Desk(context, errands, doorman.invited)
    app.action(APPROVE)(desk.approve)
    app.action(DENY)(desk.deny)
    app.view(STEP_UP)(desk.submit)
    app.command(COMMAND)(CommandDesk(context, errands, desk, doorman.invited).command)
    hall = _Hall(context, errands, doorman)
    app.action(ACKNOWLEDGE)(hall.acknowledge)
    app.action(OPEN)(hall.followed)
    app.event(HOME_OPENED)(hall.opened)


class _Doorman:
    """Knows whom nobody knows."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def invited(self, ref: PersonRef) -> str:
        """The one-time link by which the owner of a Slack account makes it theirs here; "" = it is somebody's."""
        context = self._context
        with context.database.system() as connection:
            if people.find(connection, ref) is not None:
                return ""
            token = account_link.issue(connection, ref, context.clock.now(), settings=context.settings)
        return account_link.url(token, context.settings)


class _Hall:
    """What needs no decision: acknowledging, following a link, opening the App Home."""

    def __init__(self, context: Context, errands: Errands, doorman: _Doorman) -> None:
        self._context, self._errands, self._doorman = context, errands, doorman

    async def acknowledge(
        self, ack: AsyncAck, body: Body, action: dict[str, Any], respond: AsyncRespond, client: AsyncWebClient
    ) -> None:
        """Note who takes care of an incident."""

        async def work() -> None:
            reply = await run_in_threadpool(self._seen, account(body), action["value"])
            self._errands.later(say(body, respond, client, reply), _UNTOLD)

        await self._errands.within(self._context.settings.slack.answer_seconds, work())
        await ack()

    async def followed(self, ack: AsyncAck) -> None:
        """A button that is a link was clicked: the browser does the rest."""
        await ack()

    async def opened(self, ack: AsyncAck, body: Body, event: dict[str, Any]) -> None:
        """Somebody looks at their App Home: from now on it is kept current, by the relay."""
        if event.get("tab") == "home":
            looking = run_in_threadpool(self._looks, account(body))
            await self._errands.within(self._context.settings.slack.answer_seconds, looking)
        await ack()

    def _seen(self, ref: PersonRef, value: str) -> Reply:
        context = self._context
        try:
            with context.database.system() as connection:
                person = people.find(connection, ref)
                if person is not None and person.roles:
                    incident = incidents.get(connection, UUID(value))
                    if not person.roles_in(incident.tenant_id):
                        return Reply(_NO_INCIDENT)
                    return Reply(acknowledged(connection, person, incident, now=context.clock.now()))
            link = self._doorman.invited(ref)
            return Reply("You may not acknowledge this. Ask a responder of this tenant.", link)
        except (ValueError, Refused):
            return Reply(_NO_INCIDENT)
        except DATABASE_AWAY as error:
            _log.warning("an acknowledgement was lost with the database", error=type(error).__name__)
            return Reply(AWAY)

    def _looks(self, ref: PersonRef) -> None:
        with self._context.database.system() as connection:
            slack_homes.opened(connection, ref, now=self._context.clock.now())
