"""Look-alikes: each is really there, none is labelled, and benign failures scatter as real ones do."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.detection import unit, world
from benchmarks.detection.batch import NONE, Batch, kind
from benchmarks.detection.preset import PRESETS
from benchmarks.detection.rhythm import bursty, moments
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World, make

CALM = replace(PRESETS["tiny"], tenants=12, largest_tenant_users=900)
NAMES = {
    "carrier_nat", "deploy", "late_admin", "new_address", "new_browser", "office_nat", "reset_campaign",
    "retry_storm", "stray_scope", "surge", "trip", "vpn",
}  # fmt: skip


def benign(monkeypatch: pytest.MonkeyPatch, *units: Unit) -> tuple[World, Batch]:
    """A world without incidents, with these look-alikes alone."""
    monkeypatch.setattr(world, "incidents", lambda: ())
    monkeypatch.setattr(world, "lookalikes", lambda: units)
    return make(CALM, 11)


def named(name: str) -> Unit:
    return next(found for found in unit.lookalikes() if found.name == name)


def test_these_are_the_look_alikes() -> None:
    assert {found.name for found in unit.lookalikes()} == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_look_alike_changes_the_world_and_bears_no_label(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = benign(monkeypatch)[1]
    made, events = benign(monkeypatch, named(name))
    same = len(plain) == len(events) and all(
        np.array_equal(getattr(plain, column), getattr(events, column)) for column in ("at", "ip", "agent", "country")
    )
    assert not same
    assert (events.incident == NONE).all()
    assert made.incidents == []
    assert {episode.name for episode in made.episodes} <= {name}


def test_an_office_has_one_address_for_most_of_its_people(monkeypatch: pytest.MonkeyPatch) -> None:
    made, events = benign(monkeypatch, named("office_nat"))
    tenant = next(t for t in made.people if t.business and t.size > 100)
    rows = events[(events.tenant == tenant.number) & (events.kind == kind("login_succeeded"))]
    addresses, counts = np.unique(rows.ip, return_counts=True)
    shared = rows.user[rows.ip == addresses[counts.argmax()]]
    assert len(np.unique(shared)) > 0.3 * len(np.unique(rows.user))
    assert tenant.in_office_hours(rows.at[rows.ip == addresses[counts.argmax()]]).all()


def test_nobody_logs_in_during_a_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    made, events = benign(monkeypatch, named("trip"))
    rng, trips = np.random.default_rng(0), [episode for episode in made.episodes if episode.start > 7200]
    assert trips
    for trip in trips:
        tenant = made.people[trip.tenant]
        everyone = np.arange(tenant.size)
        before, away = (
            made.clients(tenant, everyone, np.full(tenant.size, int(trip.start) + seconds), rng)
            for seconds in (-3600, 60)
        )
        abroad = before.absent & ~away.absent & (away.ip != before.ip)
        assert abroad.any()
        gone = set(everyone[abroad].tolist())
        flying = (events.tenant == trip.tenant) & (abs(events.at - trip.start + 3600) < 1800)
        logged_in = events.user[flying & (events.kind == kind("login_succeeded"))]
        assert gone.isdisjoint(logged_in.tolist())


def test_a_storm_is_one_user_at_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    made, events = benign(monkeypatch, named("retry_storm"))
    storm = made.episodes[0]
    failed = events[(events.kind == kind("login_failed")) & (events.tenant == storm.tenant)]
    inside = failed[(failed.at >= storm.start) & (failed.at <= storm.end)]
    _, counts = np.unique(np.stack([inside.user, inside.ip]), axis=1, return_counts=True)
    assert counts.max() >= 20


def test_hourly_failures_are_overdispersed_as_on_real_hosts() -> None:
    """Variance over mean: real sshd hosts 25 to 193, AIT data 5 to 60; a Poisson process has 1."""
    _, events = make(replace(PRESETS["small"], tenants=20), 5)
    history = events[(events.kind == kind("login_failed")) & (events.at < PRESETS["small"].history_days * 86400)]
    hours = PRESETS["small"].history_days * 24
    counts = np.zeros((20, hours))
    np.add.at(counts, (history.tenant, history.at // 3600), 1)
    ratio = counts.var(axis=1) / counts.mean(axis=1)
    assert ratio.min() > 1.5
    assert 5 < np.median(ratio) < 60
    assert ratio.max() < 200


def test_bursty_counts_have_the_variance_of_a_negative_binomial() -> None:
    rng, mean, size = np.random.default_rng(1), 20.0, 4.0
    at = moments(bursty(np.full(12 * 5_000, mean / 12), size, rng), rng)
    counts = np.bincount(at // 3600, minlength=5_000)
    assert counts.mean() == pytest.approx(mean, rel=0.05)
    assert counts.var() == pytest.approx(mean + mean**2 / size, rel=0.1)
