"""`/opsspine`: how things stand, acknowledge, approve, rehearse. Answers go to whoever typed it, and to nobody else.

A person sees and touches the incidents of their tenants only; another tenant's are answered as none.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from slack_bolt.async_app import AsyncAck, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from gateway.auth import Scope
from gateway.context import Context
from gateway.grant import scopes_of
from gateway.slack_desk import UNLINKED, Desk
from gateway.slack_reply import AWAY, DATABASE_AWAY, Body, Errands, account, say
from gateway.slack_view import Reply, told
from spine.ids import NO_TENANT, TenantId, derive
from spine.incident import AUTH_KINDS, Incident, IncidentKind
from spine.person import EVERY_TENANT, Person, PersonRef
from spine.plain import clean, cut, slack
from store import attend, people, standing

_WORD = 60
_SLOW = "The database is slow. The answer follows here as soon as it has one."
_TEXT = 3000
HELP = """\
/opsspine status: what is open and what waits for you
/opsspine status INCIDENT: one incident, how it came to where it stands
/opsspine ack INCIDENT: you have seen it and take care; nobody else is called
/opsspine approve INCIDENT: answer what it asks, by a form with your authenticator's code
/opsspine drill KIND [TENANT]: rehearse a runbook; nothing real is touched
INCIDENT is the beginning of its id, as shown in its message: 4 characters or more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One command: who typed it, what follows the verb, and the way back."""

    ref: PersonRef
    words: list[str]
    body: Body
    respond: AsyncRespond
    client: AsyncWebClient


class CommandDesk:
    """Answers `/opsspine`."""

    def __init__(self, context: Context, errands: Errands, desk: Desk, invited: Callable[[PersonRef], str]) -> None:
        self._context, self._errands, self._desk, self._invited = context, errands, desk, invited
        self._verbs: dict[str, Callable[[Asked], Awaitable[str]]] = {
            "": self._status, "status": self._status, "ack": self._ack, "approve": self._approve,
            "drill": self._drill, "help": self._help,
        }  # fmt: skip

    async def command(self, ack: AsyncAck, body: Body, respond: AsyncRespond, client: AsyncWebClient) -> None:
        """Answer within Slack's three seconds, or say that the answer follows."""
        verb, *words = body.get("text", "").split() or [""]
        asked = Asked(account(body), words, body, respond, client)
        answers: list[Reply] = []
        late = False

        async def work() -> None:
            answers.append(await self._answer(verb.lower(), asked))
            if late and answers[0].said:
                await say(body, respond, client, answers[0])

        if not await self._errands.within(self._context.settings.slack.answer_seconds, work()) and not answers:
            late = True
            await ack(**_private(Reply(_SLOW)))
        else:
            await ack(**(_private(answers[0]) if answers[0].said else {}))

    async def _answer(self, verb: str, asked: Asked) -> Reply:
        handler = self._verbs.get(verb)
        if handler is None:
            return Reply(f"There is no {cut(clean(verb), _WORD)!r}. There are:\n{HELP}")
        try:
            said = await handler(asked)
            link = await run_in_threadpool(self._invited, asked.ref) if said == standing.STRANGER else ""
        except DATABASE_AWAY:
            return Reply(AWAY)
        return Reply(UNLINKED, link) if link else Reply(said)

    async def _help(self, _: Asked) -> str:
        return HELP

    async def _status(self, asked: Asked) -> str:
        if asked.words:
            return await run_in_threadpool(self._shown, asked)
        return await run_in_threadpool(self._standing, asked)

    async def _ack(self, asked: Asked) -> str:
        return await run_in_threadpool(self._acknowledged, asked)

    async def _approve(self, asked: Asked) -> str:
        waiting = await run_in_threadpool(self._waiting, asked)
        if isinstance(waiting, str):
            return waiting
        await self._desk.ask(asked.body, str(waiting), asked.respond, asked.client)
        return ""

    async def _drill(self, asked: Asked) -> str:
        found = await run_in_threadpool(self._rehearsal, asked)
        if isinstance(found, str):
            return found
        kind, tenant, person = found
        parameters = {"tenant": tenant, "who": f"person:{person.email}"}
        name = kind.value.lower()
        key = derive("drill", tenant, asked.body["trigger_id"])  # delivered twice, it is one drill
        if not await self._context.start(f"{name}/drill", parameters, str(key)):
            return f"The orchestrator does not answer, so no drill was started. Try again, or: opsspine drill {name}"
        return f"A drill of {name} is starting for {tenant}. It asks for approval under the word DRILL."

    def _standing(self, asked: Asked) -> str:
        with self._context.database.system() as connection:
            return standing.standing(connection, asked.ref)

    def _shown(self, asked: Asked) -> str:
        with self._context.database.system() as connection:
            found = self._named(connection, asked)
            return found if isinstance(found, str) else standing.account_of(connection, found[1])

    def _acknowledged(self, asked: Asked) -> str:
        with self._context.database.system() as connection:
            found = self._named(connection, asked)
            if isinstance(found, str):
                return found
            person, incident = found
            return acknowledged(connection, person, incident, now=self._context.clock.now())

    def _waiting(self, asked: Asked) -> str | UUID:
        """The one question of the incident, or what to say."""
        with self._context.database.system() as connection:
            found = self._named(connection, asked)
            if isinstance(found, str):
                return found
            pending = standing.pending_of(connection, found[1].id)
        if not pending:
            return f"{_short(found[1])} waits for nobody's approval: it is {found[1].status.value}."
        if len(pending) > 1:
            listed = "\n".join(f"{a.id} ({a.gate.label}) until {a.expires_at:%H:%M} UTC" for a in pending)
            return f"{_short(found[1])} asks more than one thing; answer each in its message:\n{listed}"
        return pending[0].id

    def _rehearsal(self, asked: Asked) -> str | tuple[IncidentKind, TenantId, Person]:
        """What to rehearse, in whose name; or what to say."""
        wanted = asked.words[0].upper().replace("-", "_") if asked.words else ""
        kind = next((one for one in AUTH_KINDS if one.value == wanted), None)
        if kind is None:
            have = ", ".join(sorted(one.value.lower() for one in AUTH_KINDS))
            return f"There is no drill of {cut(clean(wanted.lower()), _WORD)!r}. There are drills of {have}."
        with self._context.database.system() as connection:
            person = people.find(connection, asked.ref)
        if person is None:
            return standing.STRANGER
        tenants = sorted(set(person.roles) - {EVERY_TENANT}) or [NO_TENANT]
        tenant = TenantId(asked.words[1] if len(asked.words) > 1 else tenants[0])
        if Scope.ACTIONS_WRITE not in scopes_of(person.roles_in(tenant)):
            return f"You may not rehearse for {cut(clean(tenant), _WORD)}: that takes a responder of this tenant."
        return kind, tenant, person

    def _named(self, connection: Connection, asked: Asked) -> str | tuple[Person, Incident]:
        """The incident that was meant, and who means it; or what to say."""
        person = people.find(connection, asked.ref)
        if person is None or not person.roles:
            return standing.STRANGER
        if not asked.words:
            return f"Which incident? Its message shows its id; so does /opsspine status.\n{HELP}"
        found = standing.named(connection, person, asked.words[0])
        if not found:
            return (
                f"There is no incident {cut(clean(asked.words[0]), _WORD)!r} here. /opsspine status shows what is open."
            )
        if len(found) > 1:
            alike = ", ".join(str(incident.id)[:13] for incident in found[:5])
            return f"More than one incident begins like this: {alike}. Give more of the id."
        return person, found[0]


def acknowledged(connection: Connection, person: Person, incident: Incident, *, now: datetime) -> str:
    """Acknowledge in the name of `person`, if they may, and say what came of it."""
    if Scope.INCIDENTS_WRITE not in scopes_of(person.roles_in(incident.tenant_id)):
        return "You may not acknowledge this. Ask a responder or incident commander of this tenant."
    actor = f"person:{person.email}"
    seen = attend.acknowledge(connection, incident.tenant_id, incident.id, actor=actor, now=now)
    first = seen[1] if seen else ""
    if not first:
        return f"{_short(incident)} is over; there is nothing to take care of."
    if first != actor:
        return f"{first.removeprefix('person:')} has acknowledged {_short(incident)} already and takes care."
    return f"You have {_short(incident)}. Nobody else is called for it."


def _short(incident: Incident) -> str:
    return f"{incident.kind.value} of {clean(incident.tenant_id)} ({str(incident.id)[:8]})"


def _private(reply: Reply) -> dict[str, Any]:
    return {"text": slack(reply.said, _TEXT), "blocks": told(reply), "response_type": "ephemeral"}
