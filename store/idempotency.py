"""Requests that may come twice: the first answer is kept and given again."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from spine.errors import Refused, Transient
from spine.ids import TenantId

_WORK = timedelta(seconds=60)
_RESERVE = text("""
    insert into idempotency_keys(tenant_id, key, sha256, first_seen_at, locked_until)
    values(:tenant, :key, :sha256, :now, :until)
    on conflict(tenant_id, key) do update set locked_until = excluded.locked_until
        where idempotency_keys.response is null and idempotency_keys.locked_until <= :now
          and idempotency_keys.sha256 = excluded.sha256
    returning first_seen_at
""")


@dataclass(frozen=True, slots=True)
class Turn:
    """What to do with a keyed request: work (`response` is None), or give the kept answer again."""

    first_seen_at: datetime
    response: dict[str, Any] | None = None


def begin(connection: Connection, tenant: TenantId, key: str, sha256: bytes, *, now: datetime) -> Turn:
    """Take the turn of a keyed request, or find what was answered before.

    A request whose server died may be taken again after a minute, with the time of its first arrival.

    Raises:
        Refused: the key was used for another request.
        Transient: the same request is being worked on right now.
    """
    values = {"tenant": tenant, "key": key, "sha256": sha256, "now": now, "until": now + _WORK}
    mine = connection.execute(_RESERVE, values).one_or_none()
    if mine is not None:
        return Turn(mine.first_seen_at)
    kept = connection.execute(
        text("select sha256, first_seen_at, response from idempotency_keys where tenant_id = :tenant and key = :key"),
        {"tenant": tenant, "key": key},
    ).one()
    if bytes(kept.sha256) != sha256:
        raise Refused("idempotency.reused", "This Idempotency-Key was used for another body. Use a new key.")
    if kept.response is None:
        raise Transient("The same request is being worked on. Ask again in a moment.")
    return Turn(kept.first_seen_at, kept.response)


def give_up(connection: Connection, tenant: TenantId, key: str) -> None:
    """Forget a request that was refused: nothing was done, and the key may be used again."""
    connection.execute(
        text("delete from idempotency_keys where tenant_id = :tenant and key = :key and response is null"),
        {"tenant": tenant, "key": key},
    )


def finish(connection: Connection, tenant: TenantId, key: str, response: dict[str, Any]) -> None:
    """Keep the answer."""
    connection.execute(
        text(
            "update idempotency_keys set response = cast(:response as jsonb) where tenant_id = :tenant and key = :key"
        ),
        {"tenant": tenant, "key": key, "response": json.dumps(response)},
    )
