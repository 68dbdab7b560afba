"""Slack's documented limits on messages and views, as error names; None = acceptable."""

import json
from collections.abc import Iterable
from typing import Any

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
_ID = 255
_TEXT = {"section": 3000, "header": 150}
_TEXT_TYPES = {"header": {"plain_text"}, "section": {"plain_text", "mrkdwn"}}


def message_error(text: str, blocks: list[dict[str, Any]] | None) -> str | None:
    """What chat.postMessage and chat.update refuse."""
    if len(text) > 40_000:
        return "msg_too_long"
    if not text and not blocks:
        return "no_text"
    return None if _blocks_fit(blocks or [], MESSAGE_BLOCKS) else "invalid_blocks"


def view_error(view: dict[str, Any]) -> str | None:
    """What views.open refuses."""
    fits = (
        len(json.dumps(view)) <= 250_000
        and len(view.get("private_metadata", "")) <= 3000
        and len(view.get("callback_id", "")) <= _ID
        and all(len(view[name]["text"]) <= 24 for name in ("title", "submit", "close") if name in view)
        and "submit" in view
        and _blocks_fit(view["blocks"], VIEW_BLOCKS)
    )
    return None if fits else "invalid_arguments"


def _blocks_fit(blocks: list[dict[str, Any]], most: int) -> bool:
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    return len(blocks) <= most and _distinct(ids) and all(_block_fits(block) for block in blocks)


def _block_fits(block: dict[str, Any]) -> bool:
    kind = block["type"]
    if kind in _TEXT:
        text = block.get("text", {})
        return text.get("type") in _TEXT_TYPES[kind] and 1 <= len(text.get("text", "")) <= _TEXT[kind]
    if kind == "actions":
        elements = block["elements"]
        names = [element["action_id"] for element in elements]
        return 1 <= len(elements) <= 25 and _distinct(names) and all(_button_fits(element) for element in elements)
    if kind == "context":
        return 1 <= len(block["elements"]) <= 10
    if kind == "input":
        return len(block["label"]["text"]) <= 2000 and len(block.get("hint", {}).get("text", "")) <= 2000
    return bool(kind == "divider")


def _button_fits(button: dict[str, Any]) -> bool:
    text = button["text"]
    return text["type"] == "plain_text" and 1 <= len(text["text"]) <= 75 and len(button.get("value", "")) <= 2000


def _distinct(ids: Iterable[str]) -> bool:
    listed = list(ids)
    return len(listed) == len(set(listed)) and all(len(one) <= _ID for one in listed)
