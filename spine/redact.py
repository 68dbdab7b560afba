"""Redaction: a copy of a value that is safe to store, log and show, as plain JSON values.

Secrets are hidden by the name they stand under and by what they look like (spine/secret.py). What comes out
is bounded in depth, size and number, whatever went in.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Set
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any

from spine.secret import is_card, names_measure, names_secret, scrub

HIDDEN = "[redacted]"
MAX_DEPTH = 12
MAX_ITEMS = 1_000
"""Entries kept of one container."""
MAX_NODES = 20_000
"""Values kept in all."""
MAX_TEXT = 8_192
"""Characters kept of one string, after redaction."""
_SCANNED_TEXT = 65_536
"""Characters looked at: far more than are kept, so that no secret is cut in two by the limit."""
_EXACT_INTEGER = 2**53 - 1
"""Larger integers are no JSON numbers (RFC 8785); they become text."""

Json = None | bool | int | float | str | list[Any] | dict[str, Any]


def redact(value: object) -> Json:
    """A JSON-safe copy of `value` without secrets.

    Takes anything: mappings, sequences, sets, text, bytes, numbers, times, exceptions, dataclasses and
    models; what it does not know it takes by its `str()`.
    """
    return _Redactor().value(value, depth=0)


def redact_text(text: str) -> str:
    """One line or block of text without secrets, bounded."""
    clean = text[:_SCANNED_TEXT].replace("\x00", "\ufffd")
    clean = scrub(clean.encode("utf-8", "replace").decode())
    if len(clean) > MAX_TEXT or len(text) > _SCANNED_TEXT:
        return f"{clean[:MAX_TEXT]}… [cut, {len(text)} characters]"
    return clean


class _Redactor:
    """One walk over one value, with what is left of its budget."""

    def __init__(self) -> None:
        self.left = MAX_NODES

    def value(self, value: object, depth: int) -> Json:
        self.left -= 1
        if depth > MAX_DEPTH or self.left < 0:
            return "[cut: too deep or too large]"
        if isinstance(value, Enum):
            return self.value(value.value, depth)
        if value is None or isinstance(value, bool | int | float | str):
            return _scalar(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return redact_text(bytes(value[:_SCANNED_TEXT]).decode("utf-8", "replace"))
        return self._compound(value, depth)

    def _compound(self, value: object, depth: int) -> Json:
        if (moment := _moment(value)) is not None:
            return moment
        if isinstance(value, BaseException):
            return self._exception(value, depth)
        if isinstance(value, list | tuple | Set):
            return self._sequence(value, depth)
        if (fields := _fields(value)) is not None:
            return self._mapping(fields, depth)
        return redact_text(str(value))

    def _mapping(self, mapping: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        clean: dict[str, Any] = {}
        for number, (key, value) in enumerate(mapping.items()):
            if number == MAX_ITEMS:
                clean["…"] = f"{len(mapping) - MAX_ITEMS} more"
                break
            name = redact_text(str(key.value if isinstance(key, Enum) else key))
            clean[name] = HIDDEN if _hidden(name, value) else self.value(value, depth + 1)
        return clean

    def _sequence(self, items: Iterable[Any], depth: int) -> list[Any]:
        ordered = sorted(items, key=repr) if isinstance(items, Set) else items
        clean: list[Any] = []
        for number, item in enumerate(ordered):
            if number == MAX_ITEMS:
                clean.append("… more")
                break
            clean.append(self.value(item, depth + 1))
        return clean

    def _exception(self, error: BaseException, depth: int) -> dict[str, Any]:
        clean: dict[str, Any] = {"error": type(error).__name__, "message": redact_text(str(error))}
        if (cause := error.__cause__ or error.__context__) is not None:
            clean["cause"] = self.value(cause, depth + 1)
        return clean


def _fields(value: object) -> Mapping[Any, Any] | None:
    """What has names: mappings, dataclasses, pydantic models."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    dump = getattr(value, "model_dump", None)
    return dump() if callable(dump) else None


def _hidden(name: str, value: object) -> bool:
    """Hide what stands under a secret's name; nothing, yes/no and measures are no secrets."""
    if value is None or isinstance(value, bool) or not names_secret(name):
        return False
    return not (isinstance(value, int | float) and names_measure(name))


def _scalar(value: bool | float | str | None) -> Json:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if is_card(str(value)):
        return "[redacted card]"
    return int(value) if abs(value) <= _EXACT_INTEGER else str(value)


def _moment(value: object) -> Json:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return None
