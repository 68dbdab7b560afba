"""What a browser has begun and must finish: kept here, known to the browser by a random value, good once."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, text

from spine.ids import PersonId
from store.secrets import Vault


class Ceremony(StrEnum):
    """What was begun."""

    PASSKEY_SIGN_IN = "passkey sign-in"
    PASSKEY_STEP_UP = "passkey step-up"
    PASSKEY_ADD = "passkey add"
    TOTP = "totp"
    OIDC = "oidc"


@dataclass(frozen=True, slots=True)
class Begun:
    """A ceremony as it was begun."""

    person_id: PersonId | None
    content: dict[str, Any]


def begin(
    connection: Connection,
    kind: Ceremony,
    content: dict[str, Any],
    *,
    vault: Vault,
    now: datetime,
    lasts: timedelta,
    person: PersonId | None = None,
) -> str:
    """Remember `content` (sealed); returns the value that only this browser is given."""
    value = secrets.token_urlsafe(32)
    connection.execute(
        text("insert into ceremonies values(:sha256, :kind, :person, :content, :expires)"),
        {
            "sha256": _digest(value), "kind": kind, "person": person, "expires": now + lasts,
            "content": vault.seal(json.dumps(content).encode(), kind),
        },
    )  # fmt: skip
    return value


def look(connection: Connection, kind: Ceremony, value: str | None, *, vault: Vault, now: datetime) -> Begun | None:
    """What was begun, without ending it; None = unknown, another kind, too old, or finished."""
    return _read(connection, "select person_id, content from ceremonies", kind, value, vault, now)


def finish(connection: Connection, kind: Ceremony, value: str | None, *, vault: Vault, now: datetime) -> Begun | None:
    """What was begun, and its end: of several who try at once, one gets it."""
    return _read(connection, "delete from ceremonies", kind, value, vault, now, "returning person_id, content")


def forget(connection: Connection, before: datetime) -> int:
    """Delete what nobody finished by `before`; returns how many."""
    return connection.execute(text("delete from ceremonies where expires_at < :b"), {"b": before}).rowcount


def _read(
    connection: Connection, verb: str, kind: Ceremony, value: str | None, vault: Vault, now: datetime, then: str = ""
) -> Begun | None:
    query = text(f"{verb} where sha256 = :sha256 and kind = :kind and expires_at > :now {then}")
    row = connection.execute(query, {"sha256": _digest(value or ""), "kind": kind, "now": now}).one_or_none()
    if row is None:
        return None
    return Begun(row.person_id, json.loads(vault.open(bytes(row.content), kind)))


def _digest(value: str) -> bytes:
    return sha256(value.encode()).digest()
