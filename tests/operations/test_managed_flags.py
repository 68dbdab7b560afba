"""Managed changes of flags with a real gateway: read back as applications read, or taken back exactly."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from gateway.app import create_app
from spine.clock import ManualClock, SystemClock
from spine.errors import Refused
from spine.flag.care import Declaration, preview
from spine.flag.definition import Definition, boolean_flag
from spine.ids import TenantId
from spine.plan import Gate
from spine.settings import Settings
from store import flag_care, flags, operations
from store.engine import Database
from store.flag_propose import Proposer, Wanted
from store.partition import ensure_partitions
from tasks.flag_caring import found
from tasks.flag_managing import Managing, manage, previewed

ACME = TenantId("acme")
ANN = Proposer(actor="person:ann@example.org")
KEY = "checkout.new"


@pytest.fixture
def desk(database: Database, sealed: Settings, serve: Callable[[Any], str]) -> Managing:
    """A desk whose gateway listens on a real port, with a flag that is declared."""
    url = serve(create_app(sealed, database, clock=SystemClock()))
    settings = sealed.model_copy(update={"gateway": sealed.gateway.model_copy(update={"public_url": url})})
    made = Managing(database=database, settings=settings, clock=SystemClock(), tenant=ACME)
    define(made, KEY)
    declare(made, KEY)
    return made


def define(desk: Managing, key: str, *, on: bool = False) -> None:
    with desk.database.system() as connection:
        flags.put(
            connection, ACME, key, boolean_flag(on=on).stored(), expected_version=0, actor=ANN.actor, reason="made",
            at=desk.clock.now(),
        )  # fmt: skip


def declare(desk: Managing, key: str, *, owner: str = "checkout", temporary: bool = False, **fields: Any) -> None:
    made = Declaration(**{"key": key, "safe": "off", **fields})
    with desk.database.system() as connection:
        flag_care.declare(
            connection, ACME, made, owner=owner, purpose="the new checkout", temporary=temporary, actor=ANN.actor,
            now=desk.clock.now(),
        )  # fmt: skip


def wanted(*, on: bool, version: int, key: str = KEY, ttl: timedelta | None = None) -> Wanted:
    return Wanted(
        key=key, definition=boolean_flag(on=on).stored(), expected_version=version, reason="launch", ttl=ttl
    )  # fmt: skip


def stored(desk: Managing, key: str = KEY) -> Any:
    with desk.database.system() as connection:
        return flags.get(connection, ACME, key)


def without(desk: Managing, *, seconds: float) -> Managing:
    """The same desk, with a gateway that is not there."""
    settings = desk.settings.model_copy(
        update={
            "gateway": desk.settings.gateway.model_copy(update={"public_url": "http://127.0.0.1:9"}),
            "operation": desk.settings.operation.model_copy(update={"read_back_seconds": seconds}),
        }
    )
    return Managing(database=desk.database, settings=settings, clock=desk.clock, tenant=ACME)


def live_keys(desk: Managing) -> int:
    with desk.database.system() as connection:
        query = text("select count(*) from api_keys where revoked_at is null")
        return int(connection.execute(query).scalar_one())


def test_a_change_is_read_back_over_http_and_kept(desk: Managing) -> None:
    done = asyncio.run(manage(desk, wanted(on=True, version=1), ANN, Gate.ALLOW))
    assert (done.stands, done.version) == (True, 2)
    assert done.read_seconds is not None
    assert live_keys(desk) == 0, "its key lived as long as the reading"
    with desk.database.system() as connection:
        kept = operations.latest(connection, ACME, "flag_management")
    assert kept is not None
    assert (kept.outcome, kept.detail["key"]) == ("stands", KEY)


def test_what_applications_do_not_read_is_taken_back_to_the_exact_definition(desk: Managing) -> None:
    before = Definition(
        variants={"on": True, "off": False}, default_variant="off", targeting={"fractional": [["on", 10], ["off", 90]]}
    )
    with desk.database.system() as connection:
        flags.put(
            connection, ACME, KEY, before.stored(), expected_version=1, actor=ANN.actor, reason="ten percent",
            at=desk.clock.now(),
        )  # fmt: skip
    done = asyncio.run(manage(without(desk, seconds=0.3), wanted(on=True, version=2), ANN, Gate.ALLOW))
    assert not done.stands
    assert "not reached" in done.because
    assert stored(desk).definition == before
    assert stored(desk).version == 4, "what was taken back is in the history, too"
    assert live_keys(desk) == 0


def test_what_somebody_else_changed_meanwhile_is_left_alone(desk: Managing) -> None:
    async def meddled(one: Managing, key: str) -> str:
        with one.database.system() as connection:
            flags.put(
                connection, ACME, key, boolean_flag(on=True).stored(), expected_version=2,
                actor="person:bob@example.org", reason="mine", at=one.clock.now(),
            )  # fmt: skip
        return "another value is read"

    own = Managing(database=desk.database, settings=desk.settings, clock=desk.clock, tenant=ACME, read=meddled)
    done = asyncio.run(manage(own, wanted(on=True, version=1), ANN, Gate.ALLOW))
    assert done.stands
    assert "left alone" in done.because
    assert stored(desk).version == 3


def test_after_its_time_what_was_before_is_back_without_a_writer(desk: Managing) -> None:
    asyncio.run(manage(desk, wanted(on=True, version=1, ttl=timedelta(minutes=5)), ANN, Gate.ALLOW))
    now = datetime.now(UTC)
    assert stored(desk).base_at(now).default is True
    assert stored(desk).base_at(now + timedelta(minutes=6)).default is False


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": 0}, "flag.conflict"),
        ({"version": 0, "key": "checkout.nobodys"}, "flag.undeclared"),
        ({"version": 0, "key": "auth.oauth.stateVerification"}, "flag.disables_verification"),
    ],
)
def test_refusals(desk: Managing, change: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        asyncio.run(manage(desk, wanted(on=True, **change), ANN, Gate.ALLOW))
    assert refused.value.code == code
    assert stored(desk).version == 1


def test_a_change_waits_for_what_it_depends_on(desk: Managing) -> None:
    define(desk, "checkout.base")
    declare(desk, "checkout.base")
    declare(desk, KEY, depends_on=("checkout.base",))
    with pytest.raises(Refused, match=r"depends on checkout\.base"):
        asyncio.run(manage(desk, wanted(on=True, version=1), ANN, Gate.ALLOW))
    asyncio.run(manage(desk, wanted(on=True, version=1, key="checkout.base"), ANN, Gate.ALLOW))
    assert asyncio.run(manage(desk, wanted(on=True, version=1), ANN, Gate.ALLOW)).stands
    with pytest.raises(Refused, match="depend on itself"):
        declare(desk, "checkout.base", depends_on=(KEY,))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"safe": "never"}, "none of its variants"),
        ({"temporary": True}, "has an end"),
        ({"expires_at": datetime(2099, 1, 1, tzinfo=UTC)}, "permanent flag has no end"),
        ({"depends_on": ("nothing",)}, "no flag nothing"),
        ({"owner": " "}, "owner and a purpose"),
    ],
)
def test_a_declaration_that_cannot_hold_is_refused(desk: Managing, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        declare(desk, KEY, **fields)


def test_what_nobody_looks_after_is_found_and_what_is_looked_after_is_not(desk: Managing) -> None:
    assert found(desk) == []
    define(desk, "checkout.stray", on=True)
    assert {(one.key, one.kind) for one in found(desk)} == {
        ("checkout.stray", "undeclared"), ("checkout.stray", "unowned"),
    }  # fmt: skip
    soon = datetime.now(UTC) + timedelta(days=20)
    declare(desk, "checkout.stray", temporary=True, expires_at=soon, kill_switch=True)
    later = Managing(
        database=desk.database, settings=desk.settings, clock=ManualClock(soon + timedelta(days=80)), tenant=ACME
    )
    kinds = {one.kind for one in found(later) if one.key == "checkout.stray"}
    assert kinds == {"expired", "stale", "untested"}
    assert "auth.captcha.required" in {one.key for one in found(later) if one.kind == "untested"}


def test_a_preview_asks_users_what_they_would_read(desk: Managing) -> None:
    half = {"variants": {"on": True, "off": False}, "defaultVariant": "off",
            "targeting": {"fractional": [["on", 50], ["off", 50]]}}  # fmt: skip
    users = [f"user-{n}" for n in range(400)]
    seen = preview(KEY, boolean_flag(), Definition.model_validate(half), users)
    assert seen.users == 400
    assert 160 < seen.changed < 240
    ip = {**half, "targeting": {"if": [{"==": [{"var": "ip"}, "192.0.2.1"]}, "on"]}}
    assert preview(KEY, boolean_flag(), Definition.model_validate(ip), users).unseen == ("ip",)
    with desk.database.owner() as connection:
        ensure_partitions(connection, desk.clock.now(), desk.settings.retention)
    with desk.database.system() as connection:
        connection.execute(
            text(
                "insert into auth_ops_logs(id, tenant_id, type, user_id)"
                " select 'e' || n, 'acme', 'login_succeeded', 'user-' || n from generate_series(1, 20) n"
            )
        )
    told = previewed(desk, Wanted(key=KEY, definition=half, expected_version=1, reason="preview"))
    assert told.users == 20
    assert 0 < told.changed < 20
