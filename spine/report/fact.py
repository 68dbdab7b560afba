"""A fact: a sentence with the audit entries it rests on. Without an entry there is no fact."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from spine.plain import clean, cut
from spine.redact import redact_text
from spine.report.citation import Entries, Entry

_LONGEST = 1_200
_MAIL = re.compile(r"[\w.+%-]++(?P<domain>@[\w-]++(?:\.[\w-]++)++)?+")
"""A mail address, or a run of characters that begins none: taken as a whole, so nobody's text is gone through again and
again. No repetition gives anything back."""
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?:/\d{1,3})?(?![\w:])"
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence, and what it rests on.

    Secrets in it are redacted. Mail and network addresses are masked: a report counts those who were affected and
    names nobody, except who acted, which is an actor of an entry the fact rests on.
    """

    text: str
    entries: Entries

    def __post_init__(self) -> None:
        """Refuses a sentence that says nothing, or rests on nothing."""
        object.__setattr__(self, "entries", _based(self.text, self.entries))
        object.__setattr__(self, "text", told(self.text, self.entries))


@dataclass(frozen=True, slots=True)
class Row:
    """A fact in cells: a row of a table. It is cited as a whole."""

    cells: tuple[str, ...]
    entries: Entries

    def __post_init__(self) -> None:
        """Refuses a row that says nothing, or rests on nothing."""
        object.__setattr__(self, "entries", _based("".join(self.cells), self.entries))
        object.__setattr__(self, "cells", tuple(told(cell, self.entries) for cell in self.cells))


def told(text: str, entries: Iterable[Entry] = ()) -> str:
    """`text` as a report may tell it: one line, without secrets and without anybody's addresses."""
    actors = " ".join(entry.actor for entry in entries)
    shown = _MAIL.sub(
        lambda found: found[0] if found["domain"] is None or found[0] in actors else "[e-mail]",
        redact_text(clean(text)),
    )
    shown = _ADDRESS.sub(lambda found: "[address]" if _is_address(found[0]) else found[0], shown)
    return cut(shown, _LONGEST)  # last: of what is cut in two no half would be known for an address


def _based(text: str, entries: object) -> Entries:
    """`entries`, each once and in order."""
    if not clean(text).strip():
        raise ValueError("A fact says something.")
    found = entries if isinstance(entries, tuple) else ()
    if not found or not all(isinstance(one, Entry) for one in found):
        raise ValueError(
            f"{text[:80]!r} names no entry of the audit trail, so it is no fact and no report may state it."
        )
    first, *rest = sorted(dict.fromkeys((one.tenant, one.seq) for one in found))
    by_place = {(one.tenant, one.seq): one for one in found}
    return (by_place[first], *(by_place[place] for place in rest))


def _is_address(text: str) -> bool:
    try:
        return bool(ip_network(text, strict=False) if "/" in text else ip_address(text))
    except ValueError:
        return False
