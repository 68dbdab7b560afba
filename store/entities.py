"""What is known of single users: kept by the fold, read by the tick; `store.forget` forgets it."""

from datetime import datetime
from typing import Any

from psycopg import Cursor
from sqlalchemy import Connection, text

from spine.detect.entity.frames import EntityFrames, entity_frame
from store.moment import hour_up_to
from store.named import sql
from store.stage import cursor_of

_HABITS = """
select tenant_id, user_id, what, value, n from auth_admin_habit
join unnest(%(tenants)s::text[], %(users)s::text[]) k(tenant_id, user_id) using (tenant_id, user_id)"""
_PRUNE = """
delete from auth_crossing
where at < (select least(now(), max(watermark)) from auth_tenant) - interval '7 hours'"""
_KEPT = ("auth_user_country", "auth_admin_habit")


def fold_entities(cursor: Cursor[tuple[Any, ...]]) -> None:
    """Add the sightings that the trigger left to what is known; part of the fold."""
    cursor.execute(sql("fold_entities"))
    cursor.execute(_PRUNE)


def read_entities(connection: Connection, now: datetime) -> EntityFrames:
    """The frames of single users and rare events at `now`, as the system role."""
    with cursor_of(connection) as cursor:
        rows = {name: _rows(cursor, name, now) for name in ("places", "sessions", "admins", "crossings", "facts")}
        rows["facts"] += _rows(cursor, "token_facts", now)
        who = sorted({(row[0], row[1]) for row in rows["admins"]})
        keys = {"tenants": [tenant for tenant, _ in who], "users": [user for _, user in who]}
        rows["habits"] = cursor.execute(_HABITS, keys).fetchall() if who else []
    return EntityFrames(**{name: entity_frame(name, found) for name, found in rows.items()})


def _rows(cursor: Cursor[tuple[Any, ...]], name: str, now: datetime) -> list[tuple[Any, ...]]:
    return cursor.execute(sql(f"tick_{name}"), hour_up_to(now)).fetchall()


def drop_old_entities(connection: Connection, before: datetime) -> None:
    """Delete places and habits not seen since `before`."""
    for table in _KEPT:
        query = text(f"delete from {table} where last_at < :before")  # noqa: S608 - constants
        connection.execute(query, {"before": before})
