"""Slack's documented limits on messages and views: what a call is refused for; None = acceptable."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
_ID = 255
_TEXT = {"section": 3000, "header": 150}
_FIELDS, _FIELD_TEXT = 10, 2000
_CONTEXT, _BUTTONS = 10, 25
_BUTTON_TEXT, _VALUE, _URL = 75, 2000, 3000
_LABEL = 2000
_TEXT_TYPES = {"plain_text", "mrkdwn"}
_STYLES = {None, "primary", "danger"}
_ONLY_IN_VIEWS = {"input"}

Block = dict[str, Any]


def message_error(text: str, blocks: list[Block] | None) -> str | None:
    """What chat.postMessage and chat.update refuse."""
    if len(text) > 40_000:
        return "msg_too_long"
    if not text and not blocks:
        return "no_text"
    return "invalid_blocks" if any(faults(blocks or [], MESSAGE_BLOCKS)) else None


def view_error(view: Block) -> str | None:
    """What views.open, views.update and views.publish refuse."""
    return "invalid_arguments" if any(_view_faults(view)) else None


def faults(blocks: list[Block], most: int, *, in_view: bool = False) -> Iterator[str]:
    """What is wrong with the blocks, each a sentence."""
    if len(blocks) > most:
        yield f"{len(blocks)} blocks, at most {most}"
    if not _distinct(block["block_id"] for block in blocks if "block_id" in block):
        yield "block ids repeat or are too long"
    for number, block in enumerate(blocks):
        if block["type"] in _ONLY_IN_VIEWS and not in_view:
            yield f"block {number}: {block['type']} in a message"
        for fault in _block_faults(block):
            yield f"block {number} ({block['type']}): {fault}"


def _view_faults(view: Block) -> Iterator[str]:
    if len(json.dumps(view)) > 250_000:
        yield "more than 250 kB"
    if len(view.get("private_metadata", "")) > 3000 or len(view.get("callback_id", "")) > _ID:
        yield "private_metadata or callback_id is too long"
    if view.get("type") == "modal":
        if "title" not in view:
            yield "no title"
        if any(not 1 <= len(view[name]["text"]) <= 24 for name in ("title", "submit", "close") if name in view):
            yield "title, submit or close over 24 characters"
        if "submit" not in view and any(block["type"] == "input" for block in view["blocks"]):
            yield "input without submit"
    elif view.get("type") != "home":
        yield f"type {view.get('type')!r}"
    yield from faults(view["blocks"], VIEW_BLOCKS, in_view=True)


def _block_faults(block: Block) -> Iterator[str]:
    kind = block["type"]
    if kind == "header":
        yield from _text_faults(block.get("text", {}), _TEXT[kind], {"plain_text"})
    elif kind == "section":
        yield from _section_faults(block)
    elif kind == "actions":
        elements = block["elements"]
        if not 1 <= len(elements) <= _BUTTONS or not _distinct(element["action_id"] for element in elements):
            yield "too many elements, or action ids that repeat"
        for element in elements:
            yield from _button_faults(element)
    elif kind == "context":
        if not 1 <= len(block["elements"]) <= _CONTEXT:
            yield "elements"
        for element in block["elements"]:
            yield from _text_faults(element, _TEXT["section"], _TEXT_TYPES)
    elif kind == "input":
        if len(block["label"]["text"]) > _LABEL or len(block.get("hint", {}).get("text", "")) > _LABEL:
            yield "label or hint"
    elif kind != "divider":
        yield "is no block"


def _section_faults(block: Block) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield "neither text nor fields"
    if "text" in block:
        yield from _text_faults(block["text"], _TEXT["section"], _TEXT_TYPES)
    if "fields" in block and not 1 <= len(block["fields"]) <= _FIELDS:
        yield f"{len(block['fields'])} fields, at most {_FIELDS}"
    for shown in block.get("fields", []):
        yield from _text_faults(shown, _FIELD_TEXT, _TEXT_TYPES)
    if "accessory" in block:
        yield from _button_faults(block["accessory"])


def _text_faults(text: Block, most: int, types: set[str]) -> Iterator[str]:
    if text.get("type") not in types:
        yield f"text of type {text.get('type')!r}"
    if not 1 <= len(text.get("text", "")) <= most:
        yield f"text of {len(text.get('text', ''))} characters, 1 to {most}"
    if text.get("type") == "mrkdwn" and "emoji" in text:
        yield "emoji belongs to plain_text"


def _button_faults(button: Block) -> Iterator[str]:
    if button["type"] != "button" or button.get("style") not in _STYLES:
        yield "no button, or a style that there is not"
    yield from _text_faults(button["text"], _BUTTON_TEXT, {"plain_text"})
    if len(button.get("value", "")) > _VALUE or len(button.get("url", "")) > _URL or len(button["action_id"]) > _ID:
        yield "value, url or action_id is too long"


def _distinct(ids: Iterable[str]) -> bool:
    listed = list(ids)
    return len(listed) == len(set(listed)) and all(len(one) <= _ID for one in listed)
