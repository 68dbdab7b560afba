"""The modals: one asks for a second factor and a reason, the other only tells."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from spine.plain import slack
from spine.prompt import CODE, OPEN, REASON, STEP_UP

_REASON = 500
_SECTION = 3000


@dataclass(frozen=True, slots=True)
class Reply:
    """What is told to one user."""

    said: str
    """May hold text from outside; "" = nothing is told."""
    link: str = ""
    """Where the next step is taken: a URL of ours."""
    label: str = "Link my account"


def step_up_view(approval: UUID) -> dict[str, Any]:
    """A form bound to one approval. It carries the id and nothing else: all else is read anew at submission."""
    return {
        "type": "modal",
        "callback_id": STEP_UP,
        "private_metadata": json.dumps({"approval": str(approval)}),
        "title": _plain("Confirm it is you"),
        "submit": _plain("Approve"),
        "close": _plain("Cancel"),
        "blocks": [
            _field(CODE, "Code of your authenticator", {"min_length": 6, "max_length": 6}),
            _field(REASON, "Why", {"min_length": 1, "max_length": _REASON, "multiline": True}),
        ],
    }


def notice_view(reply: Reply, title: str = "opsspine") -> dict[str, Any]:
    """A window that only tells something. `title`: ours, at most 24 characters."""
    return {"type": "modal", "title": _plain(title), "close": _plain("Close"), "blocks": told(reply)}


def told(reply: Reply) -> list[dict[str, Any]]:
    """A reply as blocks in which no mention, link or markup works but its own link."""
    text = {**_plain(slack(reply.said, _SECTION) or " "), "emoji": False}
    blocks: list[dict[str, Any]] = [{"type": "section", "text": text}]
    if reply.link:
        button = {"type": "button", "action_id": OPEN, "text": _plain(reply.label), "url": reply.link}
        blocks.append({"type": "actions", "elements": [button]})
    return blocks


def _field(name: str, label: str, options: dict[str, Any]) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": name, **options}
    return {"type": "input", "block_id": name, "label": _plain(label), "element": element}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
