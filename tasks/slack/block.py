"""Block Kit within Slack's limits. Everything that may hold text from outside is a plain_text object, escaped.

What does not fit is cut, and says so.
"""

from collections.abc import Sequence
from typing import Any

from spine.plain import slack

Block = dict[str, Any]
HEADER, SECTION, FIELD, CONTEXT, BUTTON, VALUE = 150, 3000, 2000, 300, 75, 2000
"""Slack's limits, in characters (of CONTEXT ours)."""
MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100


def plain(text: str, limit: int) -> Block:
    """Text as it is, whatever is in it."""
    return {"type": "plain_text", "text": slack(text, limit) or " ", "emoji": False}


def header(text: str) -> Block:
    """The title of a message."""
    return {"type": "header", "text": plain(text, HEADER)}


def section(text: str, accessory: Block | None = None) -> Block:
    """A paragraph, with a button beside it if one is given."""
    return {"type": "section", "text": plain(text, SECTION), **({"accessory": accessory} if accessory else {})}


def title(ours: str) -> Block:
    """A bold line. `ours` is never text from outside."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": f"*{ours}*"}}


def fields(*texts: str) -> Block:
    """Short texts in two columns, at most ten."""
    return {"type": "section", "fields": [plain(text, FIELD) for text in texts[:10]]}


def context(text: str) -> Block:
    """A line in small grey type."""
    return {"type": "context", "elements": [plain(text, CONTEXT)]}


def divider() -> Block:
    """A line across."""
    return {"type": "divider"}


def button(action: str, label: str, *, value: str = "", url: str = "", style: str = "") -> Block:
    """A button. `value` is an opaque id and nothing else; with `url` it is a link."""
    assert len(value) <= VALUE
    made: Block = {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": label[:BUTTON]}}
    return made | {name: given for name, given in (("value", value), ("url", url), ("style", style)) if given}


def actions(block_id: str, *buttons: Block) -> Block:
    """A row of buttons."""
    return {"type": "actions", "block_id": block_id, "elements": list(buttons)}


def fitted(blocks: Sequence[Block], most: int = MESSAGE_BLOCKS) -> list[Block]:
    """The blocks, or as many as Slack takes and a last one that says how many are missing.

    Buttons are never what is left out: they keep their place at the end.
    """
    if len(blocks) <= most:
        return list(blocks)
    kept = [block for block in blocks if block["type"] == "actions"][: most - 1]
    room = most - 1 - len(kept)
    shown = [block for block in blocks if block["type"] != "actions"][:room]
    left = len(blocks) - len(shown) - len(kept)
    return [*shown, context(f"… {left} more parts are left out here; the console shows everything."), *kept]
