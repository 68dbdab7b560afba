"""What the tick reads of resets, verifications, callbacks and tokens."""

from datetime import UTC, datetime, timedelta

import pandas as pd
from sqlalchemy import text

from store.bulk import ingest_frame
from store.engine import Database
from store.fold import fold
from store.frames import read_frames
from store.partition import ensure_days

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)


def put(database: Database, *rows: tuple[datetime, str, str, str | None, str | None]) -> None:
    """Rows of (occurred_at, type, tenant, provider, attributes as JSON)."""
    with database.owner() as connection:
        ensure_days(connection, {row[0].date() for row in rows})
    columns = ["occurred_at", "type", "tenant_id", "provider", "attributes"]
    frame = pd.DataFrame(list(rows), columns=columns)
    frame = frame.assign(id=[f"f{k:05d}" for k in range(len(frame))], user_id="u1")
    report = ingest_frame(database, frame, tenant_id=None, now=datetime.now(UTC))
    assert report.accepted == len(rows)


def seen(database: Database, now: datetime) -> pd.DataFrame:
    with database.system() as connection:
        fold(connection)
    with database.system() as connection:
        return read_frames(connection, now).faults.set_index(["tenant_id", "type"])


def test_callbacks_are_counted_per_provider_without_what_people_refused(database: Database) -> None:
    at = HOUR + timedelta(minutes=10)
    put(
        database,
        (at, "oauth_callback_error", "t1", "google", '{"oauth_error": "invalid_client"}'),
        (at, "oauth_callback_error", "t1", "google", '{"oauth_error": "access_denied"}'),
        (at, "oauth_callback_error", "t1", "google", '{"error_class": "user"}'),
        (at, "oauth_callback_error", "t1", None, None),
        (at - timedelta(minutes=8), "oauth_callback_ok", "t1", "github", None),
    )
    rows = seen(database, at + timedelta(minutes=1))
    counts = rows[["n_5m", "n_60m"]].to_dict("index")
    assert counts == {
        ("t1", "oauth_callback_error@google"): {"n_5m": 1, "n_60m": 1},
        ("t1", "oauth_callback_error@"): {"n_5m": 1, "n_60m": 1},
        ("t1", "oauth_callback_ok@github"): {"n_5m": 0, "n_60m": 1},
    }
    with database.system() as connection:
        total = connection.execute(
            text("select sum(n) from auth_metric_minutes where position('@' in type) = 0")
        ).scalar_one()
    assert total == 5


def test_a_fold_tells_events_and_not_their_second_count(database: Database) -> None:
    put(database, (HOUR, "oauth_callback_ok", "t1", "google", None), (HOUR, "login_succeeded", "t1", "google", None))
    with database.system() as connection:
        assert fold(connection) == 2


def test_usual_is_the_same_hour_of_earlier_days_and_its_neighbours(database: Database) -> None:
    now = HOUR + timedelta(minutes=5)
    past = [(HOUR - timedelta(days=day, minutes=20), "password_reset_failed", "t1", None, None) for day in range(1, 11)]
    noon = [(HOUR - timedelta(days=day, hours=12), "password_reset_failed", "t1", None, None) for day in range(1, 11)]
    put(database, (HOUR - timedelta(days=10, hours=13), "login_succeeded", "t1", None, None), *past, *noon)
    row = seen(database, now).loc[("t1", "password_reset_failed")]
    assert row["total"] == 10
    assert row["mean_60m"] == 10 / 30  # ten hours with one, of thirty that lie around this hour
    assert abs(row["var_60m"] - (10 / 30 - (10 / 30) ** 2)) < 1e-9
    assert row["n_60m"] == 0


def test_what_is_usual_is_read_of_tenants_that_are_quiet_now_too(database: Database) -> None:
    """The share that usually fails needs their tries as well as their failures."""
    days = [HOUR - timedelta(days=day, minutes=20) for day in range(1, 11)]
    mails = [(at, "email_verification_sent", "t1", None, None) for at in days]
    logins = [(at, "oauth_callback_ok", "t1", "google", None) for at in days]
    put(database, (HOUR - timedelta(days=10, hours=13), "login_succeeded", "t1", None, None), *mails, *logins)
    rows = seen(database, HOUR + timedelta(minutes=5))
    for name in ("email_verification_sent", "oauth_callback_ok@google"):
        assert (rows.loc[("t1", name), "total"], rows.loc[("t1", name), "n_60m"]) == (10, 0)


def test_an_outage_or_an_attack_of_last_week_is_not_usual(database: Database) -> None:
    days = [HOUR - timedelta(days=day, minutes=20) for day in range(1, 21)]
    quiet = [(at, "password_reset_failed", "t1", None, None) for at in days]
    attack = [
        (HOUR - timedelta(days=3, minutes=40 - n / 10), "password_reset_failed", "t1", None, None) for n in range(300)
    ]
    put(database, (HOUR - timedelta(days=20, hours=13), "login_succeeded", "t1", None, None), *quiet, *attack)
    row = seen(database, HOUR + timedelta(minutes=5)).loc[("t1", "password_reset_failed")]
    assert row["total"] == 19 + 2
    assert row["mean_60m"] == 21 / 60


def test_under_a_week_nothing_is_usual(database: Database) -> None:
    put(database, (HOUR, "password_reset_failed", "t1", None, None))
    assert seen(database, HOUR + timedelta(minutes=1))["mean_60m"].isna().all()
