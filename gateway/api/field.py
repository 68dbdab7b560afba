"""Text and structures as they may come in: what PostgreSQL or a log cannot take is refused at the door, by name."""

import math
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints


def _storable(text: str) -> str:
    """Text without NUL and half characters, which PostgreSQL does not store."""
    if "\x00" in text or any("\ud800" <= one <= "\udfff" for one in text):
        raise ValueError("it has characters that are no text (NUL, or half of a surrogate pair)")
    return text


def _one_line(text: str) -> str:
    """Text that cannot forge a line of a log or a header."""
    if not text.isprintable():
        raise ValueError("it has control characters; one line of printable text is expected")
    return text


def _plain(value: Any) -> Any:
    """JSON that can be stored: its texts, and no number without a value."""
    if isinstance(value, str):
        _storable(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("NaN and Infinity are no JSON")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _storable(name)
            _plain(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _plain(inner)
    return value


Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_one_line)]
"""A name or a word: one printable line."""
Prose = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(_storable)
]
"""What people write: a reason, a note."""
Json = Annotated[dict[str, Any], AfterValidator(_plain)]
"""An object whose inside is somebody else's to judge."""
