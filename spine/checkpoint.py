"""Checkpoints: the head of each audit chain, signed, in text that is kept where the database cannot reach it.

A chain alone cannot show that its end was cut off; a head seen before can. The form is a C2SP signed note
(origin, size, hash in base64, when; a blank line, a signature line), with the chain's head as the hash.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from spine.audit import Head
from spine.errors import Refused
from spine.ids import TenantId

_KEY_NAME = "opsspine.audit"
_ED25519 = b"\x01"
"""The algorithm's number in a signed note. Source: C2SP signed-note."""


_LINES = 7
"""Of one note, the empty one behind it counted."""


class Checkpoint(NamedTuple):
    """A chain's head, and when it was seen there."""

    head: Head
    at: datetime


def signed(seen: Iterable[Checkpoint], key: Ed25519PrivateKey) -> str:
    """One note per checkpoint, each followed by an empty line."""
    notes = []
    for head, at in seen:
        when = at.astimezone(UTC).isoformat(timespec="seconds")
        body = f"{_KEY_NAME}/{head.tenant_id}\n{head.seq}\n{base64.b64encode(head.hash).decode()}\n{when}\n"
        signature = _key_id(key.public_key()) + key.sign(body.encode())
        notes.append(f"{body}\n— {_KEY_NAME} {base64.b64encode(signature).decode()}\n\n")
    return "".join(notes)


def read(text: str, key: Ed25519PublicKey) -> list[Checkpoint]:
    """The checkpoints of a file of notes, every signature checked.

    Raises:
        Refused: a note is malformed, or was not signed by this key.
    """
    lines = text.split("\n")
    found = []
    for start in range(0, len(lines) - _LINES + 1, _LINES):
        found.append(_note(lines[start : start + _LINES], key))
    if lines[len(found) * _LINES :] != [""]:
        raise Refused("checkpoint.malformed", "The checkpoint file ends inside a note: it was cut or edited.")
    return found


def public_text(key: Ed25519PublicKey) -> str:
    """The key in the form verifiers are given: name, key id and key."""
    encoded = base64.b64encode(_ED25519 + key.public_bytes_raw()).decode()
    return f"{_KEY_NAME}+{_key_id(key).hex()}+{encoded}"


def public_key(text: str) -> Ed25519PublicKey:
    """The key out of `public_text`.

    Raises:
        Refused: it is no such key.
    """
    try:
        name, _, encoded = text.strip().split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        if name != _KEY_NAME or raw[:1] != _ED25519:
            raise ValueError(name)
        return Ed25519PublicKey.from_public_bytes(raw[1:])
    except (ValueError, binascii.Error) as error:
        raise Refused(
            "checkpoint.key", "That is no checkpoint key. `opsspine audit key` prints it: opsspine.audit+<id>+<base64>."
        ) from error


def _note(lines: list[str], key: Ed25519PublicKey) -> Checkpoint:
    origin, size, digest, when, blank, signature, end = lines
    try:
        body = "\n".join(lines[:4]) + "\n"
        dash, name, encoded = signature.split(" ")
        raw = base64.b64decode(encoded, validate=True)
        if (blank, end, dash, name, raw[:4]) != ("", "", "—", _KEY_NAME, _key_id(key)):
            raise ValueError(signature)
        key.verify(raw[4:], body.encode())
        tenant = TenantId(origin.removeprefix(f"{_KEY_NAME}/"))
        head = Head(tenant, int(size), base64.b64decode(digest, validate=True))
        return Checkpoint(head, datetime.fromisoformat(when))
    except (ValueError, InvalidSignature) as error:
        raise Refused(
            "checkpoint.forged",
            f"The checkpoint {origin[:80]!r} was not signed by this key: it was edited, or is another installation's.",
        ) from error


def _key_id(key: Ed25519PublicKey) -> bytes:
    return hashlib.sha256(_KEY_NAME.encode() + b"\n" + _ED25519 + key.public_bytes_raw()).digest()[:4]
