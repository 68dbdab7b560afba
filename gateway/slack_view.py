"""The modal that asks for a second factor and a reason."""

import json
from typing import Any
from uuid import UUID

from spine.prompt import CODE, REASON, STEP_UP

_REASON = 500


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


def _field(name: str, label: str, options: dict[str, Any]) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": name, **options}
    return {"type": "input", "block_id": name, "label": _plain(label), "element": element}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
