"""Signed links, good once.

A link is its id and a MAC over everything the row says, with a key that is not in the database: who can write rows
can forge no link, and a row that was changed opens nothing. Why one is refused is not told.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, text

from spine.ids import mint
from store.secrets import Vault

Purpose = Literal["sign-in", "account"]
_ID_BYTES, _MAC_BYTES = 16, 32


def issue(
    connection: Connection,
    purpose: Purpose,
    subject: dict[str, Any],
    *,
    vault: Vault,
    now: datetime,
    lasts: timedelta,
) -> str:
    """Make a link's token. It is given to one person and stored nowhere."""
    link, expires = mint(), now + lasts
    connection.execute(
        text(
            "insert into signed_links(id, purpose, subject, created_at, expires_at)"
            " values(:id, :purpose, cast(:subject as jsonb), :now, :expires)"
        ),
        {"id": link, "purpose": purpose, "subject": json.dumps(subject), "now": now, "expires": expires},
    )
    signed = link.bytes + _mac(vault, link, purpose, subject, expires)
    return urlsafe_b64encode(signed).decode().rstrip("=")


def look(connection: Connection, purpose: Purpose, token: str, *, vault: Vault, now: datetime) -> dict[str, Any] | None:
    """What the link is about, without using it up (mail programs open links too); None = it is not good (any more).

    The row is locked to the end of the transaction: of two who use it at once, the second finds it used.
    """
    found = _parts(token)
    link, mac = found or (UUID(int=0), bytes(_MAC_BYTES))
    row = connection.execute(
        text("select purpose, subject, expires_at, used_at from signed_links where id = :id for update"), {"id": link}
    ).one_or_none()
    subject = row.subject if row else {}
    signed = hmac.compare_digest(mac, _mac(vault, link, purpose, subject, row.expires_at if row else now))
    good = row is not None and row.purpose == purpose and row.used_at is None and row.expires_at > now
    return subject if signed and good else None


def use(connection: Connection, token: str, *, now: datetime) -> None:
    """End a link that `look` found good in this transaction."""
    found = _parts(token)
    assert found is not None
    connection.execute(text("update signed_links set used_at = :now where id = :id"), {"now": now, "id": found[0]})


def forget(connection: Connection, before: datetime) -> int:
    """Delete links that ended before `before`; returns how many."""
    return connection.execute(text("delete from signed_links where expires_at < :b"), {"b": before}).rowcount


def _parts(token: str) -> tuple[UUID, bytes] | None:
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (Error, ValueError):
        return None
    if len(raw) != _ID_BYTES + _MAC_BYTES:
        return None
    return UUID(bytes=raw[:_ID_BYTES]), raw[_ID_BYTES:]


def _mac(vault: Vault, link: UUID, purpose: str, subject: dict[str, Any], expires: datetime) -> bytes:
    said = json.dumps([str(link), purpose, subject, int(expires.timestamp() * 1000)], sort_keys=True)
    return hmac.digest(vault.link_key(), said.encode(), sha256)
