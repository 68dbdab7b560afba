"""A provider that was hidden comes back in stages, and is hidden again where it still fails. RUNBOOKS 2.3, Rollback."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from spine.event_type import EventType as T
from spine.flag import FlagSet
from store.ingest import ingest_raw

KEY, HIDE = "auth.oauth.disabled", "oauth.provider_disable"
PEOPLE = 400


@pytest.fixture
def oauth(ledger: Any) -> Any:
    with ledger.database.system() as connection:
        connection.execute(text("update incidents set kind = 'OAUTH_CALLBACK_ERRORS'"))
    return ledger


def _hidden_for(ledger: Any, provider: str = "google") -> set[int]:
    flags = FlagSet({KEY: ledger.flag(KEY).at(ledger.clock.now())})
    read = {k: flags.evaluate(KEY, {"targetingKey": f"u{k}", "provider": provider}) for k in range(PEOPLE)}
    return {k for k, found in read.items() if found.variant == "hide"}


def _callbacks(ledger: Any, failed: int, worked: int, *, said: dict[str, Any] | None = None) -> None:
    ledger.clock.advance(timedelta(minutes=1))
    now = ledger.clock.now()
    kinds = [T.OAUTH_CALLBACK_ERROR.value] * failed + [T.OAUTH_CALLBACK_OK.value] * worked
    rows = [
        {
            "id": str(uuid4()), "type": kind, "occurred_at": (now - timedelta(seconds=k / 10)).isoformat(),
            "user_id": f"u{k}", "provider": "google", "attributes": said or {"error_class": "provider"},
        }
        for k, kind in enumerate(kinds)
    ]  # fmt: skip
    assert ingest_raw(ledger.database, ledger.tenant, rows, now=now).accepted == failed + worked


def test_the_same_people_come_back_first_and_the_nameless_last(oauth: Any) -> None:
    lease = oauth.apply(oauth.step(HIDE, "google", minutes=60))
    assert len(_hidden_for(oauth)) == PEOPLE
    oauth.tend(minutes=39)
    assert len(_hidden_for(oauth)) == PEOPLE
    oauth.tend(minutes=2)
    first = _hidden_for(oauth)
    assert 0.85 < len(first) / PEOPLE < 0.95
    oauth.tend(minutes=10)
    second = _hidden_for(oauth)
    assert 0.42 < len(second) / PEOPLE < 0.58
    assert second < first
    assert _hidden_for(oauth, "github") == set()
    nameless = FlagSet({KEY: oauth.flag(KEY).at(oauth.clock.now())}).evaluate(KEY, {"provider": "google"})
    assert nameless.variant == "hide"
    oauth.tend(minutes=10)
    assert _hidden_for(oauth) == set()
    assert oauth.lease(lease.id).state.value == "reverted"


def test_each_stage_is_an_edge_that_open_streams_are_told_of(oauth: Any) -> None:
    began = oauth.clock.now()
    oauth.apply(oauth.step(HIDE, "google", minutes=60))
    edges, now = [], began
    while (edge := oauth.flag(KEY).next_edge(now)) is not None:
        edges.append(round((edge - began) / timedelta(minutes=1)))
        now = edge
    assert edges == [40, 50, 60]
    seen = {str(oauth.flag(KEY).at(began + timedelta(minutes=m, seconds=1)).stored()) for m in (10, 41, 51, 61)}
    assert len(seen) == 4


def test_a_short_lease_is_eased_off_in_its_second_half(oauth: Any) -> None:
    oauth.apply(oauth.step(HIDE, "google", minutes=16))
    oauth.tend(minutes=7)
    assert len(_hidden_for(oauth)) == PEOPLE
    oauth.tend(minutes=2)
    assert 0.85 < len(_hidden_for(oauth)) / PEOPLE < 0.95
    oauth.tend(minutes=4)
    assert len(_hidden_for(oauth)) / PEOPLE < 0.6


@pytest.mark.parametrize(
    ("failed", "worked", "said"),
    [(2, 60, None), (15, 0, None), (40, 20, {"oauth_error": "access_denied"})],
    ids=["few fail", "too few to tell", "users said no"],
)
def test_who_fares_well_enough_stays_free(oauth: Any, failed: int, worked: int, said: dict[str, Any] | None) -> None:
    lease = oauth.apply(oauth.step(HIDE, "google", minutes=60))
    oauth.tend(minutes=41)
    _callbacks(oauth, failed, worked, said=said)
    oauth.tend(seconds=1)
    assert oauth.lease(lease.id).expires_at == lease.expires_at
    assert len(_hidden_for(oauth)) < PEOPLE


def test_where_it_still_fails_everybody_is_held_again_and_somebody_paged(oauth: Any) -> None:
    lease = oauth.apply(oauth.step(HIDE, "google", minutes=60))
    oauth.tend(minutes=41)
    _callbacks(oauth, failed=20, worked=20)
    oauth.tend(seconds=1)
    assert oauth.lease(lease.id).expires_at == oauth.clock.now() + timedelta(minutes=60)
    assert len(_hidden_for(oauth)) == PEOPLE
    told = oauth.rows("select payload->>'reason' as reason from outbox where topic = 'incident.escalated'")
    assert {row.reason for row in told} == {next(iter(told)).reason}
    assert "20 of 40 attempts" in told[0].reason
    oauth.tend(minutes=1)  # what was seen before counts no more: nobody is free now
    assert oauth.lease(lease.id).expires_at < oauth.clock.now() + timedelta(minutes=60)


def test_at_the_end_of_its_bounds_it_ends_all_the_same_and_says_so(oauth: Any) -> None:
    lease = oauth.apply(oauth.step(HIDE, "google", minutes=240))
    oauth.tend(minutes=225)
    for _ in range(2):
        _callbacks(oauth, failed=30, worked=0)
        oauth.tend(seconds=1)
    assert oauth.lease(lease.id).expires_at == lease.expires_at
    told = oauth.rows("select distinct payload->>'reason' as reason from outbox where topic = 'incident.escalated'")
    assert ["may last no longer" in row.reason for row in told] == [True]
    oauth.tend(minutes=15)
    assert oauth.lease(lease.id).state.value == "reverted"
