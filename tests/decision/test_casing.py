"""A case is read from the store by the family of its kind."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from spine.case_example import incident
from spine.event import Event
from spine.family import family_of
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.reach import Reach
from store.engine import Database
from store.ingest import ingest
from store.known import known_before
from tasks.casing import read_case

NOW = datetime.now(UTC).replace(microsecond=0)
ACME = TenantId("acme")
OAUTH, RESETS = IncidentKind.OAUTH_CALLBACK_ERRORS, IncidentKind.PASSWORD_RESET_FAILURES


def written(database: Database, *told: tuple[str, str, str | None, float]) -> None:
    """Events: (type, user, provider, minutes ago)."""
    ingest(
        database,
        ACME,
        [
            Event(
                id=f"e{n}", type=kind, user_id=user, provider=provider, tenant_id=ACME,
                occurred_at=NOW - timedelta(minutes=ago), attributes={"delivery_seconds": 90},
            )
            for n, (kind, user, provider, ago) in enumerate(told)
        ],
    )  # fmt: skip


def test_a_case_of_callbacks_knows_who_has_another_way_in(database: Database) -> None:
    written(
        database,
        ("oauth_callback_error", "ada", "google", 5),
        ("oauth_callback_error", "bob", "google", 4),
        ("oauth_callback_ok", "bob", "google", 50),
        ("login_succeeded", "ada", None, 40),
        ("login_failed", "eve", None, 3),
        ("oauth_started", "ada", "google", 6),
    )
    seen = read_case(database, replace(incident(now=NOW), tenant_id=ACME, kind=OAUTH), NOW)
    assert seen.readable
    assert seen.logins[["type", "user_id", "fate"]].to_numpy().tolist() == [
        ["oauth_callback_ok", "bob", "worked"],
        ["login_succeeded", "ada", "worked"],
        ["oauth_callback_error", "ada", "failed"],
        ["oauth_callback_error", "bob", "failed"],
    ]
    assert seen.logins["known_user"].all()
    assert seen.along["type"].tolist() == ["oauth_started"]
    assert seen.ways == {"ada": frozenset({"password"}), "bob": frozenset({"google"})}


def test_a_case_of_resets_knows_how_long_delivery_took_and_asks_for_no_other_way(database: Database) -> None:
    written(database, ("password_reset_delivered", "ada", None, 5), ("password_reset_failed", "bob", None, 4))
    seen = read_case(database, replace(incident(now=NOW), tenant_id=ACME, kind=RESETS), NOW)
    assert seen.logins["attributes"].tolist() == [{"delivery_seconds": 90}, {"delivery_seconds": 90}]
    assert seen.ways is None


def test_whoever_had_a_success_of_the_kind_is_known_to_it(database: Database) -> None:
    written(database, ("password_reset_completed", "ada", None, 60), ("login_succeeded", "bob", None, 60))
    users = {"ada", "bob", "eve"}
    with database.system() as connection:
        known = {
            kind: known_before(connection, Reach(ACME), NOW, users=users, addresses=(), family=family_of(kind)).users
            for kind in (RESETS, IncidentKind.FAILED_LOGINS_SPIKE)
        }
    assert known == {RESETS: {"ada", "bob"}, IncidentKind.FAILED_LOGINS_SPIKE: {"bob"}}
