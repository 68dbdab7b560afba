"""The last sign of life of each resident part."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text


def beat(connection: Connection, component: str, *, now: datetime, detail: Mapping[str, Any] | None = None) -> None:
    """Say that `component` is alive, with what is worth knowing about it."""
    connection.execute(
        text(
            "insert into heartbeats(component, at, detail) values(:component, :now, cast(:detail as jsonb))"
            " on conflict(component) do update set at = excluded.at, detail = excluded.detail"
        ),
        {"component": component, "now": now, "detail": json.dumps(dict(detail or {}), default=str)},
    )


def beats(connection: Connection) -> dict[str, tuple[datetime, dict[str, Any]]]:
    """When each component was last heard of, and what it said."""
    rows = connection.execute(text("select component, at, detail from heartbeats"))
    return {row.component: (row.at, row.detail) for row in rows}
