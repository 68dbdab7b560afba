"""The latest lines of an incident's story, for a page that shows what is new on top."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text


def latest(connection: Connection, key: UUID, limit: int) -> tuple[list[dict[str, Any]], int]:
    """The incident's newest lines, newest first, and how many there are in all."""
    rows = connection.execute(
        text(
            "select id, at, kind, actor, summary, detail, count(*) over () as total from incident_timeline"
            " where incident_id = :key order by at desc, id desc limit :n"
        ),
        {"key": key, "n": limit},
    ).mappings()
    lines = [dict(row) for row in rows]
    return lines, lines[0]["total"] if lines else 0
