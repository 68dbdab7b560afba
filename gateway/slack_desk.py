"""Decisions in Slack: the two buttons and the form. The decision is committed first, then Slack is answered.

A click carries an approval's id; all else is read and checked anew. Who may decide is `store.decide`'s alone.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog
from slack_bolt.async_app import AsyncAck, AsyncRespond
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from starlette.concurrency import run_in_threadpool

from gateway.context import Context
from gateway.slack_reply import AWAY, DATABASE_AWAY, Body, Errands, account, say
from gateway.slack_view import Reply, notice_view, step_up_view
from spine.approval import Code, Outcome, Vote
from spine.person import PersonRef
from spine.prompt import CODE, REASON
from store.decide import decide

_log = structlog.get_logger(__name__)
_SETTLED = (Code.DECIDED, Code.EXPIRED, Code.VOID)
"""What came of a click that the waiting run must hear of."""
_REPEATED = frozenset({"exchanged_trigger_id", "trigger_exchanged"})
_LATE = _REPEATED | {"expired_trigger_id", "trigger_expired"}
_SETTLE_SECONDS = 0.5
"""Between the answer that changes a window and a call that changes it again: Slack may take them out of order."""
_TOO_LATE = "Slack took too long to open the form. Click again."
_SLACK_AWAY = "The form could not be opened. Click again, or: opsspine approvals approve {}"
UNLINKED = "Your Slack account belongs to nobody known here. If you have an account here, link the two once."
_UNDER_WAY = (
    "Your answer is taken and being written down; the database is slow. This window will say what came of it, "
    "and so does the message of the incident."
)


class Desk:
    """Handles approvals: `approve` and `deny` are buttons, `submit` is the form."""

    def __init__(self, context: Context, errands: Errands, invited: Callable[[PersonRef], str]) -> None:
        """`invited` makes the link by which somebody unknown makes their account known; "" for everybody else."""
        self._context, self._errands, self._invited = context, errands, invited
        self._patience = context.settings.slack.answer_seconds

    async def approve(
        self, ack: AsyncAck, body: Body, action: dict[str, Any], respond: AsyncRespond, client: AsyncWebClient
    ) -> None:
        """Approve: at once where the gate allows, else through the form."""
        await self._errands.within(self._patience, self.ask(body, action["value"], respond, client))
        await ack()

    async def deny(
        self, ack: AsyncAck, body: Body, action: dict[str, Any], respond: AsyncRespond, client: AsyncWebClient
    ) -> None:
        """Deny: needs no second factor, for it lets nothing happen."""

        async def work() -> None:
            outcome = await self._decide(body, action["value"], "deny")
            await self._tell(body, outcome, respond, client)

        await self._errands.within(self._patience, work())
        await ack()

    async def ask(self, body: Body, approval: str, respond: AsyncRespond, client: AsyncWebClient) -> None:
        """Approve without a code, and open the form when that is not enough."""
        outcome = await self._decide(body, approval, "approve")
        if outcome is not None and outcome.code is Code.STEPUP_NEEDED:
            await self._open_form(body, approval, respond, client)
        else:
            await self._tell(body, outcome, respond, client)

    async def submit(self, ack: AsyncAck, body: Body, view: dict[str, Any], client: AsyncWebClient) -> None:
        """The form: a code and a reason. What is wrong with them is said in the form."""
        values = view["state"]["values"]
        typed = {name: (values[name][name].get("value") or "").strip() for name in (CODE, REASON)}
        approval = json.loads(view["private_metadata"])["approval"]
        answered: list[Outcome | None] = []
        late = False

        async def work() -> None:
            answered.append(await self._decide(body, approval, "approve", reason=typed[REASON], totp=typed[CODE]))
            if late:
                await asyncio.sleep(_SETTLE_SECONDS)
                said = answered[0].message if answered[0] else AWAY
                await client.views_update(view_id=view["id"], view=notice_view(Reply(said)))

        if not await self._errands.within(self._patience, work()) and not answered:
            late = True
            await ack(response_action="update", view=notice_view(Reply(_UNDER_WAY)))
        elif answered[0] is None or not answered[0].counted:
            message = answered[0].message if answered[0] else AWAY
            await ack(response_action="errors", errors={CODE: message})
        else:
            await ack()

    async def _decide(
        self, body: Body, approval: str, vote: Vote, *, reason: str = "", totp: str | None = None
    ) -> Outcome | None:
        """What came of the vote; None = the database is away, and nothing was written."""
        context = self._context
        try:
            outcome = await run_in_threadpool(
                decide, context.database, approval, person=account(body), vote=vote, via="slack", reason=reason,
                totp=totp, settings=context.settings, now=context.clock.now(),
            )  # fmt: skip
        except DATABASE_AWAY as error:
            _log.warning("a vote was lost with the database", approval=approval[:64], error=type(error).__name__)
            return None
        _log.info("vote", approval=approval[:64], vote=vote, code=outcome.code.value, status=outcome.status.value)
        if outcome.approval is not None and outcome.code in _SETTLED:
            waking = context.wake(outcome.approval.id)
            self._errands.later(waking, "the waiting run could not be woken; a sweep will")
        return outcome

    async def _open_form(self, body: Body, approval: str, respond: AsyncRespond, client: AsyncWebClient) -> None:
        try:
            await client.views_open(trigger_id=body["trigger_id"], view=step_up_view(UUID(approval)))
        except SlackApiError as error:
            name = error.response.get("error")
            if name not in _REPEATED:  # a click that Slack delivers twice has its form already
                self._later(body, respond, client, _TOO_LATE if name in _LATE else _SLACK_AWAY.format(approval))
        except (OSError, TimeoutError) as error:
            _log.warning("the form could not be opened", error=type(error).__name__)
            self._later(body, respond, client, _SLACK_AWAY.format(approval))

    async def _tell(self, body: Body, outcome: Outcome | None, respond: AsyncRespond, client: AsyncWebClient) -> None:
        """To the one who clicked only: why nothing came of it, or what is still missing."""
        if outcome is None:
            self._later(body, respond, client, AWAY)
        elif outcome.code is not Code.DECIDED:
            stranger = outcome.code in (Code.NOT_ALLOWED, Code.UNKNOWN)
            link = await run_in_threadpool(self._invited, account(body)) if stranger else ""
            how = f" {UNLINKED}" if link else ""
            self._later(body, respond, client, f"{outcome.message}{how}", link)

    def _later(self, body: Body, respond: AsyncRespond, client: AsyncWebClient, said: str, link: str = "") -> None:
        telling = say(body, respond, client, Reply(said, link))
        self._errands.later(telling, "somebody could not be told what came of their click")
