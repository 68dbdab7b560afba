"""Text from outside, made harmless for where it is shown."""

import html
import re

_BIDI = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Marks that turn or hide text: what is shown would not be what is there."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_BUT_LINES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CUT = "… [cut, {} characters in all]"


def clean(text: str, *, lines: bool = False) -> str:
    """`text` without control characters, invisible marks and broken code points; one line unless `lines`."""
    joined = (_CONTROL_BUT_LINES if lines else _CONTROL).sub(" ", _BIDI.sub("", text))
    return joined if lines else " ".join(joined.split())


def cut(text: str, limit: int) -> str:
    """`text` in at most `limit` characters; what was cut says so."""
    if len(text) <= limit:
        return text
    note = _CUT.format(len(text))
    return text[: max(limit - len(note), 0)] + note[:limit]


def slack(text: str, limit: int) -> str:
    """Cleaned and escaped for Slack, in at most `limit` characters: no mention, link or markup survives.

    Source: Slack, "Formatting text for app surfaces": & < > are its control characters.
    """
    safe = cut(clean(text, lines=True), limit)
    while len(escaped := safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")) > limit:
        safe = cut(safe, len(safe) - max((len(escaped) - limit) // 4, 1))
    return escaped


def markup(text: str) -> str:
    """Cleaned and escaped for HTML."""
    return html.escape(clean(text, lines=True))
