"""Salted commitments to the values of a JSON text: single ones can be erased, and everything else is still proven.

The digest of a text is a tree: each value by itself is `SHA-256(key ‖ value)` with a key of its own, a list or an
object is the SHA-256 over what it holds. The keys come from one random salt. To erase a value is to put a marker in
its place, to keep its digest, and to forget its key (the salt goes, the keys of all other values stay): the digest of
the whole is as before, and nobody can find out by guessing what was there. Source: the salted digests of RFC 9901.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, Self

from spine.canonical import canonical

SALT_BYTES = 16
_MARKER = re.compile(r"\[erased [0-9a-f]{12}\]")
_KEPT = frozenset({"/tenant", "/time", "/data/action", "/data/at", "/data/incident"})
"""What look-ups and the chain itself need; it names no person."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What it takes to make the digest of a text again."""

    salt: bytes = b""
    """Of a text in which nothing was erased; empty afterwards."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """By JSON pointer: the key of each value that is left, in hex."""
    erased: Mapping[str, str] = field(default_factory=dict)
    """By JSON pointer: the digest of what was there, in hex."""

    def text(self) -> str:
        """As it is exported: the salt in hex, or the rest as JSON."""
        if self.salt:
            return self.salt.hex()
        return canonical({"keys": dict(self.keys), "erased": dict(self.erased)}).decode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `text` wrote.

        Raises:
            ValueError: it is no opening.
        """
        if not text.startswith("{"):
            return cls(bytes.fromhex(text))
        told = json.loads(text)
        if not isinstance(told, dict) or set(told) != {"keys", "erased"}:
            raise ValueError("no opening of an entry")
        return cls(b"", told["keys"], told["erased"])


def marker(number: str) -> str:
    """What stands where something was erased: the same number for the same person, in every entry."""
    made = f"[erased {number}]"
    if not _MARKER.fullmatch(made):
        raise ValueError(f"{number!r} is no number of an erasure: 12 hex digits are")
    return made


def commitment(text: bytes, opening: Opening) -> bytes:
    """The digest of a canonical JSON text: 32 bytes.

    Raises:
        ValueError, KeyError: the text is no JSON, or the opening is not of this text.
    """
    return _digest(json.loads(text), "", opening)


def erase(text: bytes, opening: Opening, personal: Callable[[str], bool], number: str) -> tuple[bytes, Opening] | None:
    """`text` without the values that are `personal`, and its new opening; None = there are none.

    An object with a personal name in it goes as a whole. With anything the entry's id goes, too: it is made of the
    content.
    """
    value, erased = json.loads(text), dict(opening.erased)
    if not _mark(value, "", opening, personal, erased, marker(number)):
        return None
    if "/id" not in erased and isinstance(value, dict) and "id" in value:
        erased["/id"] = _digest(value["id"], "/id", opening).hex()
        value["id"] = marker(number)
    keys: dict[str, str] = {}
    _keys(value, "", opening, erased, keys)
    return canonical(value), Opening(b"", keys, erased)


def _mark(
    value: Any, at: str, opening: Opening, personal: Callable[[str], bool], erased: dict[str, str], mark: str
) -> bool:
    """Put `mark` in place of what is personal below `value`; True when something was."""
    found = False
    for name, child in list(value.items() if isinstance(value, dict) else enumerate(value)):
        place = f"{at}/{_name(name)}"
        if place in erased or place in _KEPT:
            continue
        if isinstance(child, dict | list) and not (isinstance(child, dict) and any(map(personal, child))):
            found |= _mark(child, place, opening, personal, erased, mark)
        elif isinstance(child, dict) or (isinstance(child, str) and personal(child)):
            for gone in [one for one in erased if one.startswith(f"{place}/")]:
                del erased[gone]
            erased[place] = _digest(child, place, opening).hex()
            value[name] = mark
            found = True
    return found


def _keys(value: Any, at: str, opening: Opening, erased: Mapping[str, str], into: dict[str, str]) -> None:
    """The keys of all values that are left."""
    if at in erased:
        return
    if isinstance(value, dict | list) and value:
        for name, child in value.items() if isinstance(value, dict) else enumerate(value):
            _keys(child, f"{at}/{_name(name)}", opening, erased, into)
    else:
        into[at] = _key(at, opening).hex()


def _digest(value: Any, at: str, opening: Opening) -> bytes:
    if at in opening.erased:
        if not (isinstance(value, str) and _MARKER.fullmatch(value)):
            raise ValueError(f"{at} was erased, and something else stands there")
        return bytes.fromhex(opening.erased[at])
    if isinstance(value, dict) and value:
        made = hashlib.sha256(b"object")
        for name in _sorted(value):
            made.update(_digest_of_name(name))
            made.update(_digest(value[name], f"{at}/{_name(name)}", opening))
        return made.digest()
    if isinstance(value, list) and value:
        made = hashlib.sha256(b"list")
        for number, child in enumerate(value):
            made.update(_digest(child, f"{at}/{number}", opening))
        return made.digest()
    if value is None:
        plain = b"null"
    else:
        plain = encode_basestring(value).encode() if isinstance(value, str) else canonical(value)
    return hashlib.sha256(_key(at, opening) + plain).digest()


def _sorted(names: Iterable[str]) -> list[str]:
    """By UTF-16 units, as RFC 8785 wants it; for ASCII that is the order of code points."""
    found = sorted(names)
    return found if "".join(found).isascii() else sorted(found, key=lambda one: one.encode("utf-16-be"))


@lru_cache(maxsize=4096)
def _digest_of_name(name: str) -> bytes:
    """The same few names stand in every entry."""
    return hashlib.sha256(encode_basestring(name).encode()).digest()


def _key(at: str, opening: Opening) -> bytes:
    if opening.salt:
        return hashlib.sha256(opening.salt + at.encode()).digest()
    return bytes.fromhex(opening.keys[at])


def _name(name: object) -> str:
    told = str(name)
    return told.replace("~", "~0").replace("/", "~1") if "~" in told or "/" in told else told
