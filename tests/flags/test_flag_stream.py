"""Applications are told to read again: at every change, at every end, on every gateway, and nobody else's."""

import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from gateway.app import create_app
from spine.errors import Refused
from spine.flag import boolean_flag
from spine.ids import TenantId
from spine.plan import Gate
from spine.settings import FlagSettings
from store import flags
from store.flag_propose import Proposer, Wanted, apply, propose
from store.keys import add_key, revoke_key

KEY = "auth.captcha.required"


def _reads(url: str, secret: str, key: str = KEY) -> object:
    answer = httpx.post(f"{url}/ofrep/v1/evaluate/flags/{key}", headers={"X-API-Key": secret}, json={})
    return answer.json()["value"]


def _put_for(ledger, tenant: str) -> None:
    with ledger.database.tenant(TenantId(tenant)) as connection:
        flags.put(
            connection, TenantId(tenant), KEY, boolean_flag(on=True).stored(), expected_version=0, actor="a",
            reason="r", at=ledger.clock.now(),
        )  # fmt: skip


def test_a_change_is_told_within_a_second_and_read_at_once(ledger, url: str, secret: str, listen) -> None:
    """The best of three: the machine of a test has other things to do."""
    stream = listen(url)
    seen, took = stream.next(), []
    assert seen["type"] == "refetchEvaluation"
    for version, on in enumerate((True, False, True)):
        began = time.perf_counter()
        ledger.put(KEY, on=on, version=version)
        told = stream.next()
        assert _reads(url, secret) is on
        took.append(time.perf_counter() - began)
        assert told["etag"] != seen["etag"]
        seen = told
    assert min(took) < 1


def test_a_lease_is_told_when_it_comes_and_when_it_is_taken_back(ledger, url: str, listen) -> None:
    stream = listen(url)
    before = stream.next()
    lease = ledger.apply(ledger.step("captcha.require", mode="all"))
    assert stream.next()["etag"] != before["etag"]
    ledger.end(lease)
    assert stream.next()["etag"] == before["etag"]


def test_another_tenants_change_is_not_told(ledger, url: str, listen) -> None:
    stream = listen(url)
    stream.next()
    _put_for(ledger, "other")
    assert stream.quiet(0.7)
    _put_for(ledger, "acme")
    stream.next()


def test_every_gateway_tells(ledger, url: str, secret: str, serve, listen) -> None:
    second = serve(create_app(ledger.settings, ledger.database, clock=ledger.clock))
    streams = [listen(url), listen(second)]
    before = [stream.next() for stream in streams]
    ledger.put(KEY, on=True)
    after = [stream.next() for stream in streams]
    assert before[0]["etag"] == before[1]["etag"]
    assert after[0]["etag"] == after[1]["etag"] != before[0]["etag"]


def test_what_ends_or_begins_by_itself_is_told_with_no_writer(ledger, secret: str, serve, listen) -> None:
    """The clock is the machine's: a change for some seconds, planned to begin in some."""
    url = serve(create_app(ledger.settings, ledger.database))
    now = datetime.now(UTC)
    wanted = Wanted(
        key="checkout.banner", definition=boolean_flag(on=True).stored(), expected_version=1, reason="sale",
        starts_at=now + timedelta(seconds=2.5), ttl=timedelta(seconds=2.5),
    )  # fmt: skip
    with ledger.database.system() as connection:
        flags.put(
            connection, ledger.tenant, wanted.key, boolean_flag().stored(), expected_version=0, actor="a", reason="r",
            at=now,
        )  # fmt: skip
        change = propose(
            connection, ledger.tenant, wanted, Proposer(actor="person:ann@example.org"), Gate.ALLOW, now=now,
            settings=ledger.settings,
        )  # fmt: skip
        apply(connection, ledger.tenant, change.id, actor="person:ann@example.org", now=now, gate=Gate.ALLOW)
    stream = listen(url)
    stream.next()
    assert _reads(url, secret, wanted.key) is False
    stream.next()
    assert (_reads(url, secret, wanted.key), datetime.now(UTC) >= now + timedelta(seconds=2.5)) == (True, True)
    stream.next()
    assert (_reads(url, secret, wanted.key), datetime.now(UTC) >= now + timedelta(seconds=5)) == (False, True)
    with ledger.database.system() as connection:  # nobody wrote it down meanwhile
        assert flags.history(connection, ledger.tenant, wanted.key)[-1].version == 1


def test_a_revoked_key_loses_its_stream_within_seconds(ledger, url: str, listen) -> None:
    stream = listen(url)
    stream.next()
    with ledger.database.system() as connection:
        revoke_key(connection, ledger.tenant, "app", now=ledger.clock.now())
    assert stream.ended.wait(10)
    assert httpx.get(stream.url).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "00000000-0000-7000-8000-000000000000.AAAA", "{key}.AAAA", "{key}"])
def test_an_address_that_was_guessed_opens_nothing(ledger, url: str, secret: str, token: str) -> None:
    with ledger.database.system() as connection:
        key = connection.execute(text("select id from api_keys where name = 'app'")).scalar_one()
    answer = httpx.get(f"{url}/ofrep/v1/stream", params={"token": token.format(key=key)})
    assert answer.status_code == 401
    assert answer.json()["errorDetails"]


def test_a_key_that_may_not_read_flags_opens_no_stream(ledger, url: str) -> None:
    with ledger.database.system() as connection:
        writer = add_key(connection, ledger.tenant, "writer", ["events:write"], now=ledger.clock.now())[1]
    assert httpx.get(f"{url}/ofrep/v1/stream", headers={"X-API-Key": writer}).status_code == 403


def test_a_client_that_comes_back_is_told_only_what_it_missed(ledger, url: str, listen) -> None:
    seen = listen(url).next()["etag"]
    back = listen(url, **{"Last-Event-ID": seen})
    assert back.quiet(0.5)
    ledger.put(KEY, on=True)
    assert back.next()["etag"] != seen


def test_a_quiet_stream_gives_signs_of_life(url: str, listen) -> None:
    stream = listen(url)
    stream.next()
    assert stream.quiet(1.3)
    assert stream.comments >= 2


def test_one_key_holds_a_bounded_number_of_streams(ledger, serve, listen) -> None:
    settings = ledger.settings.model_copy(update={"flag": FlagSettings(streams_per_key=2)})
    url = serve(create_app(settings, ledger.database, clock=ledger.clock))
    held = [listen(url), listen(url)]
    for stream in held:
        stream.next()
    third = httpx.get(held[0].url)
    assert third.status_code == 429
    assert int(third.headers["retry-after"]) > 0
    held[0].close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        again = listen(url)
        if not again.ended.wait(0.3):
            break
    assert again.next()["type"] == "refetchEvaluation"


def test_a_plan_in_the_past_is_refused(ledger) -> None:
    past = Wanted(
        key="checkout.banner", definition=boolean_flag().stored(), expected_version=0, reason="r",
        starts_at=ledger.clock.now(),
    )  # fmt: skip
    with pytest.raises(Refused, match="in the past"), ledger.database.system() as connection:
        propose(
            connection, ledger.tenant, past, Proposer(actor="key:ci"), Gate.ALLOW, now=ledger.clock.now(),
            settings=ledger.settings,
        )  # fmt: skip
