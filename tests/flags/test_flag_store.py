"""Flags in PostgreSQL: compare-and-set, history, exact revert, isolation, and no change without its record."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from spine.errors import Refused
from spine.flag import CATALOGUE, boolean_flag
from spine.ids import TenantId
from store import flags
from store.flag_cache import FlagCache

KEY = "auth.captcha.required"


def test_an_edit_against_an_old_version_is_refused(ledger) -> None:
    assert ledger.put(KEY, on=True) == 1
    assert ledger.put(KEY, on=False, version=1) == 2
    with pytest.raises(Refused, match="at version 2, not 1"):
        ledger.put(KEY, on=True, version=1)
    assert ledger.flag(KEY).definition == boolean_flag()


@pytest.mark.parametrize("version", [0, 1], ids=["first version", "next version"])
def test_of_edits_at_once_exactly_one_wins(ledger, version: int) -> None:
    if version:
        ledger.put(KEY, on=False)

    def edit(n: int) -> bool:
        try:
            ledger.put(KEY, on=True, version=version, perMinute=n)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        wins = [n for n, won in enumerate(pool.map(edit, range(6))) if won]
    assert len(wins) == 1
    assert ledger.flag(KEY).version == version + 1
    assert ledger.flag(KEY).definition.metadata == {"perMinute": wins[0]}


def test_a_revert_brings_the_exact_definition_back_as_a_new_version(ledger) -> None:
    ledger.put(KEY, on=True, perMinute=3)
    first = ledger.flag(KEY).definition
    ledger.put(KEY, on=False, version=1)
    with ledger.database.tenant(ledger.tenant) as connection:
        values = {"actor": "person:ada@example.org", "reason": "back", "at": ledger.clock.now()}
        assert flags.revert(connection, ledger.tenant, KEY, 1, expected_version=2, **values) == 3
    assert ledger.flag(KEY).definition == first
    with ledger.database.tenant(ledger.tenant) as connection:
        assert flags.revert(connection, ledger.tenant, KEY, 0, expected_version=3, **values) == 4
        assert [v.version for v in flags.history(connection, ledger.tenant, KEY)] == [1, 2, 3, 4]
    assert ledger.flag(KEY).definition == CATALOGUE[KEY].definition


def test_every_edit_is_audited_with_before_and_after(ledger) -> None:
    ledger.put(KEY, on=True)
    ledger.put(KEY, on=False, version=1)
    first, second = ledger.audited("flag.changed")
    assert first["after"]["version"] == 1
    assert second["before"] == first["after"]
    assert second["after"]["definition"]["defaultVariant"] == "off"
    assert second["detail"] == {"reason": "by hand"}


def test_when_the_record_cannot_be_written_the_flag_does_not_change(ledger) -> None:
    ledger.put(KEY, on=False)
    with ledger.database.owner() as connection:
        connection.execute(text("alter table audit_entries add constraint full_disk check (false) not valid"))
    with pytest.raises(DBAPIError, match="full_disk"):
        ledger.put(KEY, on=True, version=1)
    assert ledger.flag(KEY).version == 1


def test_a_tenant_sees_and_edits_no_flag_of_another(ledger) -> None:
    ledger.put(KEY, on=True)
    other = TenantId("other")
    with ledger.database.tenant(other) as connection:
        assert flags.all_flags(connection, ledger.tenant)[KEY].version == 0  # the catalogue's, not acme's
        assert flags.all_flags(connection, other)[KEY].version == 0
        assert flags.history(connection, ledger.tenant, KEY) == []
    with pytest.raises(DBAPIError, match="row-level security"), ledger.database.tenant(other) as connection:
        flags.put(
            connection, ledger.tenant, KEY, boolean_flag().stored(), expected_version=0, actor="a", reason="r",
            at=ledger.clock.now(),
        )  # fmt: skip


def test_the_cache_shows_every_change_to_the_very_next_question(ledger) -> None:
    cache = FlagCache(ledger.database, ledger.clock)
    assert cache.get(ledger.tenant).evaluate(KEY, {}).value is False
    ledger.put(KEY, on=True)
    loaded = cache.get(ledger.tenant)
    assert loaded.evaluate(KEY, {}).value is True
    assert cache.get(ledger.tenant) is loaded
    assert cache.get(TenantId("other")).evaluate(KEY, {}).value is False
    ledger.put(KEY, on=False, version=1)
    assert cache.get(ledger.tenant).evaluate(KEY, {}).value is False


def test_the_cache_lets_go_of_a_lapsed_holds_metadata(ledger) -> None:
    cache = FlagCache(ledger.database, ledger.clock)
    ledger.apply(ledger.step("rate_limit.strict", minutes=5, per_minute=3))
    assert cache.get(ledger.tenant).evaluate("auth.rateLimit.strict", {}).metadata["perMinute"] == 3
    ledger.clock.advance(ledger.step("rate_limit.strict", minutes=5).ttl)
    assert cache.get(ledger.tenant).evaluate("auth.rateLimit.strict", {}).metadata == {}
