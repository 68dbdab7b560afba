"""The App Home: what waits for one person, most urgent first. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from spine.approval import Approval, Ballot, refusal
from spine.incident import Incident, IncidentStatus
from spine.person import Person
from spine.plain import clean, cut
from spine.prompt import ACKNOWLEDGE, APPROVE, DENY, OPEN
from tasks.slack.block import VIEW_BLOCKS, Block, actions, button, context, divider, fitted, header, section

_QUESTIONS, _INCIDENTS = 12, 20
_TITLE = 300
_UNKNOWN = (
    "Your Slack account belongs to nobody known here. Type /opsspine status: you get a link that makes it yours, once."
)
_NO_ROLE = "You have no role here, so nothing can wait for you. Ask an administrator: opsspine people add."


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that waits for a decision."""

    approval: Approval
    incident: Incident | None
    """None = it is about no incident: the change of a flag."""
    ballots: Sequence[Ballot]


def home_view(
    person: Person | None, questions: Sequence[Question], live: Sequence[Incident], *, app_name: str, console: str
) -> Block:
    """The home of `person` (None = nobody known), out of everything that waits anywhere; only their share is shown.

    `live`: incidents that are not over, the most severe first. `console`: its address.
    """
    if person is None or not person.roles:
        blocks = [header(f"{app_name} operations"), section(_UNKNOWN if person is None else _NO_ROLE)]
    else:
        blocks = [*_waiting(person, questions), divider(), *_incidents(person, live)]
        blocks.append(actions("home:console", button(OPEN, "Open the console", url=console)))
    return {"type": "home", "blocks": fitted(blocks, VIEW_BLOCKS)}


def _waiting(person: Person, questions: Sequence[Question]) -> list[Block]:
    mine = [one for one in questions if refusal(one.approval, person, "deny", one.ballots) is None]
    if not mine:
        return [header("Nothing waits for your decision")]
    blocks = [header(f"{len(mine)} {'decision waits' if len(mine) == 1 else 'decisions wait'} for you")]
    for one in mine[:_QUESTIONS]:
        blocks += _question(one)
    return blocks + _left(len(mine) - _QUESTIONS)


def _question(one: Question) -> list[Block]:
    approval, key = one.approval, str(one.approval.id)
    about = _headline(one.incident) if one.incident else f"Change of a flag for {clean(approval.tenant_id)}"
    votes = f", {len(one.ballots)} of {approval.votes_needed} votes given" if approval.votes_needed > 1 else ""
    said = (
        f"{about}\n{approval.risk.value} risk, {approval.gate.label}{votes}; until {approval.expires_at:%H:%M:%S} UTC"
    )
    yes = button(APPROVE, "Approve", value=key, style="primary")
    return [section(said), actions(f"decide:{key}", yes, button(DENY, "Deny", value=key, style="danger"))]


def _incidents(person: Person, live: Sequence[Incident]) -> list[Block]:
    mine = [incident for incident in live if person.roles_in(incident.tenant_id) and not incident.synthetic]
    if not mine:
        return [header("No incident is open"), context("All quiet in your tenants.")]
    blocks = [header(f"{len(mine)} open {'incident' if len(mine) == 1 else 'incidents'}")]
    for incident in mine[:_INCIDENTS]:
        blocks.append(_incident(incident))
    return blocks + _left(len(mine) - _INCIDENTS)


def _incident(incident: Incident) -> Block:
    open_ = incident.acknowledged_at is None and incident.status is not IncidentStatus.RESOLVED
    take = button(ACKNOWLEDGE, "I take care", value=str(incident.id)) if open_ else None
    care = "nobody takes care yet" if open_ else "somebody takes care"
    title = cut(clean(incident.title), _TITLE)
    return section(
        f"{_headline(incident)}\n{title}\n{incident.status.value.replace('_', ' ')}, {care}; {str(incident.id)[:8]}",
        take,
    )


def _headline(incident: Incident) -> str:
    drill = "DRILL, nothing real: " if incident.synthetic else ""
    since = f"since {incident.first_event_at:%Y-%m-%d %H:%M} UTC"
    return f"{drill}[{incident.severity.label}] {incident.kind.value} {clean(incident.tenant_id)} {since}"


def _left(number: int) -> list[Block]:
    return [context(f"… and {number} more; the console shows all of them.")] if number > 0 else []
