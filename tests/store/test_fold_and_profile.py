"""Whoever folds and whoever makes the baselines wait for each other, and never for each other at once."""

import threading
import time
from datetime import UTC, datetime

from sqlalchemy import text

from spine.event import Event, EventType
from spine.ids import TenantId
from store.engine import Database
from store.fold import fold
from store.ingest import ingest
from store.profile import refresh_profile

SHOP = TenantId("shop")
WAITING = text("select exists(select from pg_locks where not granted and pid <> pg_backend_pid())")


def _login(number: int, now: datetime) -> Event:
    return Event(
        id=f"e{number}", type=EventType.LOGIN_SUCCEEDED, occurred_at=now, tenant_id=SHOP, user_id=f"u{number}",
        ip="192.0.2.1",
    )  # fmt: skip


def test_a_load_that_counts_at_the_end_and_a_tick_at_the_hour_do_not_block_each_other(database: Database) -> None:
    now, errors = datetime.now(UTC), []
    ingest(database, SHOP, [_login(1, now)])
    with database.system() as connection:
        fold(connection)
    ingest(database, SHOP, [_login(2, now)])

    def tick() -> None:
        try:
            with database.system() as connection:
                refresh_profile(connection, now)
        except Exception as error:
            errors.append(error)

    other = threading.Thread(target=tick)
    with database.system() as connection:
        fold(connection)
        other.start()
        while not connection.execute(WAITING).scalar_one():
            assert other.is_alive(), "nothing waited: this test shows nothing"
            time.sleep(0.01)
        refresh_profile(connection, now)
    other.join()
    assert errors == []
    with database.system() as connection:
        assert connection.execute(text("select active_users from auth_tenant")).scalar_one() == 2
