"""A message in Block Kit: news, questions, digests, and the first message of a thread, which is kept current."""

from spine.card import Card
from spine.message import Message, Section
from spine.plain import slack
from spine.prompt import ACKNOWLEDGE, APPROVE, DENY, OPEN
from tasks.slack.block import (
    Block,
    actions,
    button,
    context,
    fields,
    fitted,
    header,
    section,
    title,
)

_FALLBACK = 3000
"""The text beside the blocks only feeds notifications and screen readers."""


def blocks(message: Message) -> list[Block]:
    """The message in Block Kit."""
    card, news = message.card, _news(message)
    if news:
        return fitted([header(message.title), *(section("\n".join(one.lines)) for one in news)])
    made = [header(f"{card.mark} {message.title}" if card else message.title), section(message.headline)]
    if card:
        made += [fields(f"Status: {card.status}", f"Taken care of by: {card.care}")]
    if message.question and message.question.verdict:
        made.append(section(message.question.verdict))
    if card and card.story:
        made += _titled(Section("Story, times in UTC", card.story))
    for one in message.sections:
        made += _titled(one)
    if message.question and message.question.open:
        made.append(_decide(str(message.question.approval)))
    elif card:
        made += _care(card, None if message.question else message.link)
    elif message.link:
        made.append(context(message.link))
    return fitted(made)


def fallback(message: Message) -> str:
    """The message in one line of text."""
    return slack(f"{message.title}. {message.headline}", _FALLBACK)


def _news(message: Message) -> list[Section]:
    """All that a reply needs to say: the rest stands in the first message of its thread."""
    if message.follows is None or message.question is not None:
        return []
    return [one for one in message.sections if one.title == "News"]


def _titled(one: Section) -> list[Block]:
    return [title(one.title), section("\n".join(one.lines))]


def _decide(approval: str) -> Block:
    return actions(
        f"decide:{approval}",
        button(APPROVE, "Approve", value=approval, style="primary"),
        button(DENY, "Deny", value=approval, style="danger"),
    )


def _care(card: Card, link: str | None) -> list[Block]:
    """What people do at an incident. A question, once answered, has no buttons: `link` is None."""
    made = []
    if link:
        take = button(ACKNOWLEDGE, "I take care", value=str(card.acknowledge), style="primary")
        look = button(OPEN, "Open the console", url=link)
        made = [actions(f"care:{card.short}", *([take] if card.acknowledge else []), look)]
    return [
        *made,
        context(f"Incident {card.short}. Details are in the thread; /opsspine status {card.short} tells more."),
    ]
