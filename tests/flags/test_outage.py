"""While PostgreSQL is away flags are what they last were; when it is back, everybody hears of what changed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from gateway.app import create_app
from spine.settings import FlagSettings
from store.embedded import EmbeddedPostgres

KEY = "auth.captcha.required"


@pytest.fixture
def away(postgres: EmbeddedPostgres, database_url: str) -> Callable[[], Any]:
    """The database of the test answers nobody, for the length of a block."""
    name = database_url.rsplit("/", 1)[1]

    @contextmanager
    def gone() -> Iterator[None]:
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute(f'alter database "{name}" allow_connections false')
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
        yield
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute(f'alter database "{name}" allow_connections true')

    return gone


def _ask(url: str, secret: str) -> httpx.Response:
    return httpx.post(f"{url}/ofrep/v1/evaluate/flags/{KEY}", headers={"X-API-Key": secret}, json={}, timeout=30)


def test_flags_are_served_as_they_last_were_and_their_ends_still_come(
    ledger, url: str, secret: str, away: Callable[[], Any]
) -> None:
    """The gateway's clock is the test's: a hold's metadata is gone once it lapses, with no database to ask."""
    ledger.apply(ledger.step("captcha.require", minutes=5, mode="all"))
    before = _ask(url, secret).json()
    assert (before["value"], before["metadata"]["mode"]) == (True, "all")
    with away():
        time.sleep(0.3)  # longer than a key is taken for good without a look
        during = _ask(url, secret)
        assert (during.status_code, during.json()) == (200, before)
        assert _ask(url, "ops_somebody-else").status_code == 503
        ledger.clock.advance(timedelta(minutes=5))
        assert "mode" not in _ask(url, secret).json()["metadata"]
    ledger.database.engine.dispose()
    ledger.put(KEY, on=False)
    assert _ask(url, secret).json()["value"] is not None


def test_a_stream_outlives_the_outage_and_tells_what_came_after(
    ledger, url: str, secret: str, listen, away: Callable[[], Any]
) -> None:
    stream = listen(url)
    first = stream.next()
    with away():
        assert stream.quiet(1)
    ledger.database.engine.dispose()
    ledger.put(KEY, on=True)
    assert stream.next(10)["etag"] != first["etag"]
    assert _ask(url, secret).json()["value"] is True


def test_what_is_too_old_is_not_served(ledger, secret: str, serve, away: Callable[[], Any]) -> None:
    flag = FlagSettings(outage_minutes=0, key_check_seconds=60)
    app: FastAPI = create_app(
        ledger.settings.model_copy(update={"flag": flag}), ledger.database, clock=ledger.clock
    )  # fmt: skip
    url = serve(app)
    assert _ask(url, secret).status_code == 200
    with away():
        answer = _ask(url, secret)
    assert answer.status_code == 503
    assert answer.json()["errorDetails"]
