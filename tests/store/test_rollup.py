"""Rollups equal a recount of the raw events, whatever order, lateness or repetition they came in."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from spine.detect.frames import COLUMNS, Frames
from spine.event import Event
from spine.family import family_of
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.reach import Reach
from spine.settings import RetentionSettings
from store.engine import Database
from store.events import login_counts, recent_events, recent_logins
from store.fold import fold
from store.frames import read_frames
from store.ingest import ingest
from store.partition import drop_expired, ensure_partitions, partitions
from store.profile import refresh_profile

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
WINDOWS = {"n_5m": 5, "n_15m": 15, "n_60m": 60}
_numbers = itertools.count()
ROWS = st.lists(
    st.tuples(
        st.integers(0, 25),  # id: small, so that duplicates are common
        st.sampled_from([1, 4, 5, 14, 16, 59, 61, 359, 361, 1439, 1441, 3000]),  # minutes ago
        st.sampled_from(["login_failed", "login_succeeded", "session_created"]),
        st.booleans(),  # a drill's
    ),
    max_size=40,
)


def frames(database: Database, now: datetime = NOW) -> Frames:
    with database.system() as connection:
        fold(connection)
        return read_frames(connection, now)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(ROWS, min_size=1, max_size=4), fold_between=st.booleans())
def test_series_equal_a_recount(database: Database, batches: list[Any], fold_between: bool) -> None:
    tenant = TenantId(f"r{next(_numbers)}")
    sent: set[tuple[str, datetime]] = set()
    for batch in batches:
        events = []
        for number, minutes, kind, drill in batch:
            at = NOW - timedelta(minutes=minutes)
            events.append(
                Event.model_validate(
                    {"id": f"e{number}", "type": kind, "occurred_at": at, "tenant_id": tenant, "synthetic": drill}
                )
            )
        sent |= {(e.id, e.occurred_at) for e in events}
        ingest(database, tenant, events)
        if fold_between:
            frames(database)
    with database.system() as connection:
        stored = connection.execute(
            text("select type, occurred_at from auth_ops_logs where tenant_id = :t and not synthetic"), {"t": tenant}
        ).all()
        total = connection.execute(
            text("select count(*) from auth_ops_logs where tenant_id = :t"), {"t": tenant}
        ).scalar_one()
    assert total == len(sent)
    series = frames(database).series
    counted = {
        (row.type, name): int(getattr(row, name))
        for row in series[series["tenant_id"] == tenant].itertuples()
        for name in WINDOWS
    }
    for kind in {row.type for row in stored}:
        for name, minutes in WINDOWS.items():
            expected = sum(row.type == kind and row.occurred_at >= NOW - timedelta(minutes=minutes) for row in stored)
            assert counted.get((kind, name), 0) == expected, (kind, name)


def test_frames_have_the_promised_columns_even_when_empty(database: Database) -> None:
    empty = frames(database)
    for name, columns in COLUMNS.items():
        assert tuple(getattr(empty, name).columns) == columns
        assert len(getattr(empty, name)) == 0
    assert str(empty.logins["last_ok"].dtype) == "datetime64[us, UTC]"


def test_logins_and_addresses_tell_who_tried_from_where(database: Database, event: Any, now: datetime) -> None:
    tenant = TenantId("acme")
    ok = event(50, timedelta(minutes=20), type="login_succeeded", ip="198.51.100.1", user_id="ann")
    slip = event(51, timedelta(minutes=30), ip="198.51.100.1", user_id="ann")
    calm = [
        event(70 + n, timedelta(minutes=n), type="login_succeeded", ip="198.51.100.2", user_id="bob") for n in (5, 9)
    ]
    failed = [event(n, timedelta(minutes=m), user_id="eve") for n, m in enumerate((2, 10, 25, 50, 61))]
    drill = event(60, synthetic=True, drill_id="d1", ip="192.0.2.1")
    ingest(database, tenant, [ok, slip, *calm, *failed, drill])
    seen = frames(database, now)
    eve = seen.logins[seen.logins["user_id"] == "eve"].iloc[0]
    assert [eve[f"fail_{w}"] for w in ("5m", "15m", "30m", "60m")] == [1, 2, 3, 4]
    assert pd.isna(eve["last_ok"])
    assert seen.logins.loc[seen.logins["synthetic"], "drill_id"].tolist() == ["d1"]
    past = seen.addresses.set_index("ip")
    assert past.loc["198.51.100.1", "known"]
    assert not past.loc["203.0.113.9", "known"]
    assert past.loc["203.0.113.9", "failures"] == 5
    assert {"192.0.2.1", "198.51.100.2"}.isdisjoint(past.index)
    assert seen.logins.groupby("user_id")["ok_60m"].sum()["ann"] == 1
    assert "bob" not in set(seen.logins["user_id"])
    assert seen.tenants["calm_users_15m"].tolist() == [1]
    assert seen.unknown.set_index("tenant_id").loc["acme", "users_1h"] == 1


def test_an_overflow_is_seen_until_the_bucket_has_drained(database: Database, event: Any, now: datetime) -> None:
    ingest(database, TenantId("acme"), [event(n, timedelta(seconds=60 - n)) for n in range(8)])
    full = frames(database, now).addresses.iloc[0]
    assert (full["overflowed_at"], full["overflow_n"]) == (pd.Timestamp(now - timedelta(seconds=56)), 8)
    drained = frames(database, now + timedelta(minutes=11)).addresses.iloc[0]
    assert pd.isna(drained["overflowed_at"])
    assert (drained["bucket_level"], drained["overflow_n"]) == (0, 0)


def test_distinct_users_reach_over_closed_hours_and_forget_addresses_that_prove_good(
    database: Database, event: Any, now: datetime
) -> None:
    tenant = TenantId("acme")
    spray = [event(n, timedelta(minutes=20 * n), user_id=f"u{n}", ip=f"203.0.113.{n}") for n in range(1, 61)]
    mistyped = event(90, timedelta(hours=2, minutes=1), user_id="ann", ip="198.51.100.1")
    then = event(91, timedelta(hours=2), type="login_succeeded", user_id="ann", ip="198.51.100.1")
    ingest(database, tenant, [*spray, mistyped, then])
    unknown = frames(database, now).unknown.iloc[0]
    assert (unknown["users_1h"], unknown["users_15m"]) == (3, 0)
    assert 15 <= unknown["users_6h"] <= 18
    assert unknown["users_24h"] == 60
    assert unknown["failures_24h"] == 60


def test_the_baseline_is_the_median_of_the_same_hour_of_the_week(database: Database, event: Any) -> None:
    hour = NOW.replace(minute=0)
    events = []
    for week, per_hour in ((1, 10), (2, 30), (3, 20), (4, 500)):
        for n in range(per_hour):
            at = hour - timedelta(days=7 * week) + timedelta(seconds=n)
            events.append(event(1_000 * week + n, occurred_at=at, ip=None, type="session_created"))
    ingest(database, TenantId("acme"), [*events, event(1, occurred_at=hour, type="session_created")])
    series = frames(database, hour + timedelta(minutes=59, seconds=59)).series.iloc[0]
    assert series["base_60m"] == pytest.approx(25, abs=0.1)
    assert series["base_15m"] == pytest.approx(25 / 4, abs=0.1)


def test_without_seven_days_of_history_there_is_no_baseline(database: Database, event: Any, now: datetime) -> None:
    ingest(database, TenantId("acme"), [event(1, timedelta(days=6)), event(2)])
    seen = frames(database, now)
    assert seen.series["base_60m"].isna().all()
    assert seen.unknown["mean_1h"].isna().all()
    assert seen.tenants.iloc[0]["history_days"] == pytest.approx(6)


def test_active_users_are_those_with_a_success_in_thirty_days(database: Database, event: Any, now: datetime) -> None:
    days = [(1, 1), (2, 20), (3, 29), (4, 33), (1, 2)]
    rows = [
        event(n, timedelta(days=age), type="login_succeeded", user_id=f"u{user}") for n, (user, age) in enumerate(days)
    ]
    ingest(database, TenantId("acme"), rows)
    assert frames(database, now).tenants.iloc[0]["active_users"] == 3


def test_retention_drops_whole_days_and_nothing_younger(database: Database, event: Any, now: datetime) -> None:
    rows = [event(n, timedelta(days=n)) for n in (0, 10, 44, 46, 50)]
    ingest(database, TenantId("acme"), rows)
    kept = RetentionSettings(event_days=45)
    with database.owner() as connection:
        assert ensure_partitions(connection, now, kept) == 0
        dropped = drop_expired(connection, now, kept)
        assert [(now - timedelta(days=50)).date(), (now - timedelta(days=46)).date()] == dropped
        assert min(partitions(connection)) == (now - timedelta(days=44)).date()
    with database.system() as connection:
        assert connection.execute(text("select count(*) from auth_ops_logs")).scalar_one() == 3


def test_login_events_can_be_replayed_and_counted_by_network(database: Database, event: Any, now: datetime) -> None:
    tenant = TenantId("acme")
    rows = [
        event(1, ip="203.0.113.9"), event(2, ip="203.0.113.77"), event(3, ip="198.51.100.1", type="login_succeeded"),
        event(4, type="session_created"), event(5, synthetic=True), event(6, timedelta(hours=2)),
    ]  # fmt: skip
    ingest(database, tenant, rows)
    since = now - timedelta(hours=1)
    with database.tenant(tenant) as connection:
        logins = recent_logins(connection, tenant, since, now)
        assert logins["id"].tolist() == ["e000001", "e000002", "e000003"]
        counted = login_counts(connection, tenant, since, now, ["203.0.113.0/26"])
        assert (counted["login_failed"], counted["login_succeeded"]) == (1, 0)
        assert login_counts(connection, tenant, since, now)["login_failed"] == 2


def test_events_are_read_by_family_with_what_decides_their_fate(database: Database, event: Any, now: datetime) -> None:
    tenant = TenantId("acme")
    rows = [
        event(1), event(2, type="login_blocked", attributes={"limited_by": "user", "asn": 1}),
        event(3, type="jwt_accepted", attributes={"kid": "k1"}), event(4, type="login_failed", attributes={"asn": 2}),
        event(5, type="oauth_callback_ok", provider="google"),
    ]  # fmt: skip
    ingest(database, tenant, rows)
    since = now - timedelta(hours=1)
    with database.tenant(tenant) as connection:
        frames = {
            kind: recent_events(connection, Reach(tenant), family_of(kind), since, now).set_index("id")
            for kind in (IncidentKind.FAILED_LOGINS_SPIKE, IncidentKind.JWT_VALIDATION_ERRORS)
        }
        oauth = recent_events(connection, Reach(tenant), family_of(IncidentKind.OAUTH_CALLBACK_ERRORS), since, now)
    logins, tokens = frames.values()
    assert logins["attributes"].to_dict() == {
        "e000001": None, "e000002": {"limited_by": "user", "asn": 1}, "e000004": None,
    }  # fmt: skip
    assert tokens["kid"].to_dict() == {"e000003": "k1"}
    assert oauth["provider"].tolist() == ["google"]


def test_late_rows_repair_the_summary_of_their_hour(database: Database, event: Any, now: datetime) -> None:
    tenant = TenantId("acme")
    ingest(database, tenant, [event(1, timedelta(hours=5), user_id="a")])
    assert frames(database, now).unknown.iloc[0]["users_24h"] == 1
    ingest(database, tenant, [event(2, timedelta(hours=5), user_id="b", ip="203.0.113.10")])
    with database.system() as connection:
        fold(connection)
        refresh_profile(connection, now)
        assert read_frames(connection, now).unknown.iloc[0]["users_24h"] == 2
