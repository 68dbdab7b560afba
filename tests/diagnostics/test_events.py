"""Diagnostics that read the tenant's own events, from a real PostgreSQL."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spine.diagnostic import Answer
from spine.event import Event
from spine.ids import NO_TENANT, TenantId
from store.engine import Database
from store.fold import fold
from store.ingest import ingest
from tasks.diagnostics import ask

NOW = datetime.now(UTC).replace(microsecond=0)
SUSPECT, OFFICE, HOME = "203.0.113.9", "198.51.100.7", "192.0.2.1"
OK, FAILED = "login_succeeded", "login_failed"
Row = tuple[str, float, str | None, str]
Look = Callable[..., Answer]


def row(kind: str, ago: float, user: str | None, ip: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "occurred_at": NOW - timedelta(minutes=ago), "user_id": user, "ip": ip, **fields}


def life(days: float = 8, users: int = 30) -> list[dict[str, Any]]:
    """People at the office, a while ago and up to now."""
    past = [row(OK, days * 1440 - k, f"u{k}", OFFICE) for k in range(users)]
    return past + [row(OK, 2000 - k, f"u{k}", OFFICE) for k in range(users)] + [row(OK, 1, "u0", OFFICE)]


@pytest.fixture
def look(database: Database, ports: Any, question: Any) -> Look:
    """Stores events and asks one diagnostic about the last hour."""

    def asked(key: str, rows: Sequence[dict[str, Any]], **about: Any) -> Answer:
        events = [
            Event.model_validate({"id": f"e{n:06d}", "tenant_id": "acme", **fields}) for n, fields in enumerate(rows)
        ]
        ingest(database, TenantId("acme"), events)
        with database.system() as connection:
            fold(connection)
        own = {"now": NOW, "since": NOW - timedelta(hours=1), "addresses": frozenset({SUSPECT}), **about}
        return asyncio.run(ask(key, question(**own), ports(database=database)))

    return asked


def states(answer: Answer) -> dict[str, str]:
    return {check.name: check.state.value for check in answer.checks}


def entered(answer: Answer) -> Any:
    (check,) = (check for check in answer.checks if check.name == "entered")
    return check


def test_a_success_after_the_first_failure_is_found(look: Look) -> None:
    rows = [row(FAILED, 30 - k / 10, f"v{k}", SUSPECT) for k in range(50)] + [row(OK, 20, "v7", SUSPECT)]
    answer = look("success_after_attack", [*life(), *rows])
    assert states(answer) == {"entered": "bad"}
    assert entered(answer).observed["users"] == entered(answer).observed["tried_before"] == 1
    assert "v7" not in repr(answer)
    assert SUSPECT not in repr(answer)


def test_a_success_before_the_first_failure_is_none_and_nor_is_one_elsewhere(look: Look) -> None:
    rows = [row(OK, 50, "v1", SUSPECT), row(FAILED, 30, "v2", SUSPECT), row(OK, 20, "v2", HOME)]
    assert states(look("success_after_attack", [*life(), *rows])) == {"entered": "ok"}


def test_a_failure_that_names_nobody_begins_an_attack_too(look: Look) -> None:
    rows = [row(FAILED, 30, None, SUSPECT), row(OK, 20, "v2", SUSPECT)]
    answer = look("success_after_attack", [*life(), *rows])
    assert states(answer) == {"entered": "bad"}
    assert entered(answer).observed["tried_before"] == 0


def test_people_who_lived_there_before_are_told_apart(look: Look) -> None:
    rows = [row(FAILED, 30, "v1", OFFICE), row(OK, 20, "u1", OFFICE)]
    answer = look("success_after_attack", [*life(), *rows], addresses=frozenset({OFFICE}))
    assert states(answer) == {"entered": "ok", "residents": "bad"}


def test_what_is_no_address_is_left_out_and_a_mapped_one_is_the_same(look: Look) -> None:
    rows = [row(FAILED, 30, "v1", SUSPECT), row(OK, 20, "v1", SUSPECT)]
    odd = frozenset({f"::ffff:{SUSPECT}", "not an address", "'; drop table evidence"})
    assert states(look("success_after_attack", [*life(), *rows], addresses=odd)) == {"entered": "bad"}


def test_the_join_begins_with_the_attack(look: Look) -> None:
    rows = [row(FAILED, 100, "v1", SUSPECT), row(OK, 90, "v1", SUSPECT)]
    assert states(look("success_after_attack", [*life(), *rows])) == {"entered": "ok"}
    since = {"attack_start": NOW - timedelta(minutes=100)}
    assert states(look("success_after_attack", [*life(), *rows], **since)) == {"entered": "bad"}


def test_drills_and_other_tenants_are_left_out(look: Look, database: Database) -> None:
    drill = {"synthetic": True, "drill_id": "d1"}
    rows = [row(FAILED, 30, "v1", SUSPECT, **drill), row(OK, 20, "v1", SUSPECT, **drill)]
    others = [row(FAILED, 30, "v1", SUSPECT), row(OK, 20, "v1", SUSPECT)]
    ingest(database, NO_TENANT, [Event.model_validate({"id": f"o{n}", **one}) for n, one in enumerate(others)])
    assert states(look("success_after_attack", [*life(), *rows])) == {"entered": "ok"}


@pytest.mark.parametrize("key", ["success_after_attack", "release_split", "known_good_overlap"])
def test_late_or_missing_events_are_never_ok(look: Look, key: str) -> None:
    assert "ok" not in states(look(key, [])).values()
    stale = [row(OK, 20 + k, f"u{k}", OFFICE, attributes={"release": f"r{k % 2}"}) for k in range(39)]
    answer = look(key, stale, since=NOW - timedelta(hours=1))
    assert "ok" not in states(answer).values()
    assert answer.missing


def test_without_an_address_there_is_nobody_to_join_with(look: Look) -> None:
    assert states(look("success_after_attack", life(), addresses=frozenset())) == {"success_after_attack": "unknown"}


@pytest.mark.parametrize("key", ["success_after_attack", "release_split", "known_good_overlap"])
def test_a_database_that_is_away_is_unknown(ports: Any, question: Any, key: str) -> None:
    answer = asyncio.run(ask(key, question(addresses=frozenset({SUSPECT})), ports()))
    assert states(answer) == {key: "unknown"}


def release(name: str | None, failed: int, fine: int, kinds: tuple[str, str] = (FAILED, OK)) -> list[dict[str, Any]]:
    named = {} if name is None else {"attributes": {"release": name}}
    kind = [kinds[0]] * failed + [kinds[1]] * fine
    return [row(k, 1 + n / 10, f"{name}{n}", OFFICE, **named) for n, k in enumerate(kind)]


OAUTH = ("oauth_callback_error", "oauth_callback_ok")


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        (release("1.0", 4, 100) + release("1.1", 60, 20), "bad"),
        (release("1.0", 4, 100) + release("1.1", 4, 90), "ok"),
        (release("1.0", 60, 60) + release("1.1", 55, 60), "ok"),
        (release("1.0", 4, 100) + release("1.1", 10, 5), "unknown"),
        (release("1.0", 4, 10) + release("1.1", 10, 5), "unknown"),
        (release("1.0", 60, 20), "unknown"),
        (release(None, 60, 20) + release("1.0", 20, 20), "unknown"),
        (release(None, 300, 300) + release("", 4, 100), "unknown"),
    ],
    ids=["one fails", "all fine", "all fail", "too few to judge", "few", "only one", "mostly unnamed", "unnamed"],
)
def test_a_release_that_fails_alone_stands_out(look: Look, rows: list[dict[str, Any]], state: str) -> None:
    assert states(look("release_split", rows))["login.release"] == state


def test_callbacks_are_split_by_themselves(look: Look) -> None:
    rows = release("1.0", 4, 100) + release("1.1", 4, 90)
    rows += release("1.0", 2, 40, OAUTH) + release("1.1", 40, 2, OAUTH)
    answer = look("release_split", rows)
    assert states(answer) == {"login.release": "ok", "oauth.release": "bad"}
    assert answer.checks[1].observed["broken"] == ("1.1",)


def test_strangers_that_fail_overlap_with_nobody(look: Look) -> None:
    rows = [row(FAILED, 30 - k / 10, f"v{k}", SUSPECT) for k in range(50)]
    assert states(look("known_good_overlap", [*life(), *rows])) == {"suspects": "ok", "failures": "ok"}


def test_known_people_that_fail_at_home_point_elsewhere(look: Look) -> None:
    rows = [row(FAILED, 30 - k / 10, f"u{k % 30}", OFFICE) for k in range(50)]
    answer = look("known_good_overlap", [*life(), *rows], addresses=frozenset({OFFICE, SUSPECT}))
    assert states(answer) == {"suspects": "bad", "failures": "bad"}
    assert answer.checks[0].observed == {"suspects": 2, "known_good": 1}


def test_under_a_week_of_history_nobody_is_known(look: Look) -> None:
    rows = [row(FAILED, 30 - k / 10, f"v{k}", SUSPECT) for k in range(50)]
    assert states(look("known_good_overlap", [*life(days=3), *rows])) == {"suspects": "unknown", "failures": "unknown"}


def test_too_few_failures_are_nobodys(look: Look) -> None:
    rows = [row(FAILED, 30 - k / 10, f"v{k}", SUSPECT) for k in range(19)]
    assert states(look("known_good_overlap", [*life(), *rows]))["failures"] == "unknown"
