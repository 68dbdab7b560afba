"""What lets a browser open a stream of flag changes: an EventSource can send no header, so its address says who asks.

The token is made of the stored digest of an API key. It opens the stream alone (which tells *that* something changed,
not what), tells nothing of the key, is the same on every gateway, and ends with the key.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import Connection, text

from spine.ids import TenantId
from store.keys import ApiKey

_MEANS = b"opsspine flag stream v1"


def token_of(key: UUID, secret: str) -> str:
    """The token of the key with this id and secret."""
    return _token(key, sha256(secret.encode()).digest())


def find(connection: Connection, token: str) -> ApiKey | None:
    """The live key whose token this is, or None."""
    try:
        key = UUID(token.partition(".")[0])
    except ValueError:
        return None
    row = connection.execute(
        text("select id, tenant_id, name, scopes, sha256 from api_keys where id = :id and revoked_at is null"),
        {"id": key},
    ).one_or_none()
    if row is None or not hmac.compare_digest(_token(key, bytes(row.sha256)).encode(), token.encode()):
        return None
    return ApiKey(id=row.id, tenant_id=TenantId(row.tenant_id), name=row.name, scopes=tuple(row.scopes))


def live(connection: Connection, keys: Collection[UUID], *, now: datetime) -> dict[UUID, tuple[str, ...]]:
    """Those of `keys` that may still be used, with their scopes; that they are used is noted once a minute."""
    rows = connection.execute(
        text("select id, scopes from api_keys where id = any(:ids) and revoked_at is null"), {"ids": list(keys)}
    ).all()
    connection.execute(
        text(
            "update api_keys set last_used_at = :now where id = any(:ids)"
            " and (last_used_at is null or last_used_at < cast(:now as timestamptz) - interval '1 minute')"
        ),
        {"ids": [row.id for row in rows], "now": now},
    )
    return {row.id: tuple(row.scopes) for row in rows}


def _token(key: UUID, digest: bytes) -> str:
    mac = hmac.new(digest, _MEANS + key.bytes, sha256).digest()
    return f"{key}.{urlsafe_b64encode(mac).decode().rstrip('=')}"
