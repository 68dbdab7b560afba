"""What is known of users: each event once, late ones too, nothing ahead of now, forgotten on demand."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from spine.event import Event, EventType
from spine.ids import TenantId
from store.engine import Database
from store.entities import drop_old_entities, read_entities
from store.fold import fold
from store.forget import forget_user
from store.ingest import ingest

SHOP = TenantId("shop")
NOW = datetime.now(UTC).replace(microsecond=0)


def event(number: int, minutes: float, kind: EventType = EventType.SESSION_CREATED, **more: Any) -> Event:
    given = {"user_id": "u1", "ip": "192.0.2.1", "country": "DE", "user_agent": "ua", **more}
    return Event(id=f"e{number}", type=kind, occurred_at=NOW - timedelta(minutes=minutes), tenant_id=SHOP, **given)


def known(database: Database, *batches: list[Event]) -> None:
    for batch in batches:
        ingest(database, SHOP, batch)
        with database.system() as connection:
            fold(connection)


def history(database: Database) -> list[tuple[Any, ...]]:
    with database.system() as connection:
        places = connection.execute(text("select * from auth_user_country order by user_id, country")).all()
        habits = connection.execute(text("select * from auth_admin_habit order by 1, 2, 3, 4")).all()
    return [*(tuple(row) for row in places), *(tuple(row) for row in habits)]


HOME = [event(1, 500), event(2, 90)]
ABROAD = event(3, 20, country="JP", ip="192.0.2.9", user_agent="other")


def test_a_new_country_is_told_with_the_last_place(database: Database) -> None:
    known(database, HOME, [ABROAD])
    with database.system() as connection:
        (row,) = read_entities(connection, NOW).places.itertuples()
        assert (row.country, row.other_country, row.ip, row.new_device) == ("JP", "DE", "192.0.2.9", True)
        assert (row.at - row.other_at).total_seconds() == 70 * 60
        assert read_entities(connection, NOW - timedelta(minutes=21)).places.empty  # nothing looks ahead
        assert read_entities(connection, NOW + timedelta(minutes=61)).places.empty


def test_the_order_of_arrival_changes_nothing(database: Database) -> None:
    admin = [event(10 + n, 400 - n, EventType.ADMIN_LOGIN, user_agent=f"ua{n % 2}") for n in range(6)]
    events = [*HOME, ABROAD, *admin]
    known(database, events)
    at_once = history(database)
    with database.system() as connection:
        for table in ("auth_user_country", "auth_admin_habit"):
            connection.execute(text(f"delete from {table}"))
        connection.execute(text("delete from auth_ops_logs"))
    random.Random(4).shuffle(events)
    known(database, *([one] for one in events), events)  # one by one, and everything a second time
    assert history(database) == at_once
    assert len(at_once) == 2 + 1 + 1 + 2 + len({(NOW - timedelta(minutes=400 - n)).hour for n in range(6)})


def test_sessions_and_admins_of_the_hour_are_read(database: Database) -> None:
    sessions = [event(n, n, ip=f"192.0.2.{n % 3}") for n in range(12)]
    admin = [
        event(20, 300, EventType.ADMIN_LOGIN),
        event(21, 5, EventType.ADMIN_LOGIN, ip="192.0.2.8", attributes={"break_glass": True}),
    ]
    acted = [event(22, 3, EventType.ADMIN_ACTION), event(23, 2, EventType.ADMIN_LOGIN, user_id="u2")]
    known(database, sessions, admin, acted)
    with database.system() as connection:
        frames = read_entities(connection, NOW)
    (flood,) = frames.sessions.itertuples()
    assert (flood.user_id, flood.sessions, flood.addresses) == ("u1", 12, 3)
    assert [(row.user_id, row.ip, row.acted, row.break_glass) for row in frames.admins.itertuples()] == [
        ("u1", "192.0.2.8", True, True), ("u2", "192.0.2.1", False, False)
    ]  # fmt: skip
    counts = {(row.user_id, row.what, row.value): row.n for row in frames.habits.itertuples()}
    assert counts["u1", "country", "DE"] == 2
    assert counts["u2", "address", "192.0.2.1"] == 1


def crossing(number: int, minutes: float, **attributes: Any) -> Event:
    return event(
        number, minutes, EventType.TENANT_SCOPE_VIOLATION, resource_tenant_id="other", attributes=attributes
    )  # fmt: skip


def test_crossings_are_kept_for_six_hours_and_granted_ones_never(database: Database) -> None:
    rows = [crossing(1, 400), crossing(2, 350), crossing(3, 10, allowed=True), crossing(4, 9, allowed=False)]
    granted = [crossing(5, 8, granted=True, allowed=True), crossing(6, 7, grant_id="ticket-7")]
    known(database, [*rows, *granted], [*rows, *granted, crossing(7, 600)])
    with database.system() as connection:
        seen = read_entities(connection, NOW).crossings
        kept = connection.execute(text("select count(*) from auth_crossing")).scalar_one()
    assert seen["allowed"].tolist() == [False, True, False]
    assert kept == 4


def test_a_drill_leaves_no_history(database: Database) -> None:
    drill = {"synthetic": True, "drill_id": "d1"}
    events = [event(1, 30, **drill), event(2, 5, country="JP", user_agent="x", **drill)]
    leak = event(3, 4, EventType.TENANT_SCOPE_VIOLATION, resource_tenant_id="other", **drill)
    known(database, [*events, leak, event(4, 4, EventType.ADMIN_LOGIN, **drill)])
    assert history(database) == []
    with database.system() as connection:
        frames = read_entities(connection, NOW)
    assert frames.drills() == {"d1"}
    for frame in (frames.places, frames.admins, frames.crossings):
        assert frame["drill_id"].tolist() == ["d1"]


def test_a_user_is_forgotten_whole_and_alone(database: Database) -> None:
    events = [event(1, 9), event(2, 8, EventType.ADMIN_LOGIN), crossing(3, 7), event(4, 6, user_id="u2")]
    known(database, events)
    with database.system() as connection:
        assert forget_user(connection, SHOP, "u1") == 1 + 4 + 1
        assert forget_user(connection, TenantId("other"), "u2") == 0
        left = connection.execute(text("select user_id from auth_user_country")).scalars().all()
    assert left == ["u2"]


def test_what_was_not_seen_for_long_goes(database: Database) -> None:
    known(database, [event(1, 60 * 24 * 3), event(2, 60 * 24, country="JP")])
    with database.owner() as connection:
        drop_old_entities(connection, NOW - timedelta(days=2))
        left = connection.execute(text("select country from auth_user_country")).scalars().all()
    assert left == ["JP"]


@pytest.mark.parametrize("table", ["auth_user_country", "auth_admin_habit", "auth_crossing", "auth_sighting_delta"])
def test_a_tenant_sees_its_own_rows_alone(database: Database, table: str) -> None:
    ingest(database, SHOP, [event(1, 9), event(2, 8, EventType.ADMIN_LOGIN), crossing(3, 7)])
    query = text(f"select count(*) from {table}")
    if table != "auth_sighting_delta":
        known(database)
        with database.system() as connection:
            fold(connection)
    with database.tenant(SHOP) as connection:
        assert connection.execute(query).scalar_one() > 0
    with database.tenant(TenantId("other")) as connection:
        assert connection.execute(query).scalar_one() == 0
