"""Which minutes of a replay could show failures of resets, verifications, callbacks or tokens that are too many.

The detectors' own arithmetic on counts of all minutes at once, with some room: what it leaves out, no tick would find.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spine.detect.episode import Cause
from spine.detect.fault import share_of_tenant
from spine.detect.fault.family import CALLBACKS, RESETS, TOKENS, VERIFICATIONS, Family
from spine.detect.fault.odds import added, cell_log_odds, common_log_odds, together
from spine.detect.subject import of_everybody, of_tenant
from spine.detect.tail import tail_probability
from spine.ids import NO_TENANT, TenantId
from spine.settings.detect import DetectSettings
from spine.settings.fault import FaultSettings, TokenSettings
from store.profile import ALWAYS_COUNTED, CUT_SHARE
from tasks.doubt import tenants_of
from tasks.grid import Flags, Grid

HOUR = 60
_PAST = 28 * 24 + 2
"""Hours before the start that are counted."""
_ROOM = 0.9
"""What is usual is taken this much lower, so that an event at the edge of a window changes nothing."""
_ROOM_ODDS = 1.0
_ROOM_TAIL = 2.0
Counts = npt.NDArray[Any]
"""Sums as single precision: they are whole numbers far below 16 million, and there are many of them."""


class Faultiness:
    """Made once from all events of a replay; asked once a minute."""

    def __init__(self, events: pd.DataFrame, settings: DetectSettings, start: datetime, minutes: int) -> None:
        grid = Grid(start, minutes)
        self.families = [_Counted(events, RESETS, grid), _Counted(events, VERIFICATIONS, grid),
                         _Counted(events, CALLBACKS, grid), _Counted(events, TOKENS, grid)]  # fmt: skip
        limits = (settings.resets, settings.verifications, settings.callbacks)
        for family, limit in zip(self.families[:3], limits, strict=True):
            family.look_at_shares(limit)
        look_at_mails(self.families[0], self.families[1], settings.resets)
        look_at_mails(self.families[1], self.families[0], settings.verifications)
        self.families[3].look_at_tokens(settings.tokens)

    def due(self, minute: int) -> Iterator[tuple[Cause, Cause]]:
        """What may open at this minute's tick, each with the cause of all tenants that it would be part of."""
        for family in self.families:
            yield from family.due(minute)


class _Counted:
    """Failures and tries of one family: sums up to each minute of the replay, and up to each hour of the past."""

    def __init__(self, events: pd.DataFrame, family: Family, grid: Grid) -> None:
        self.family, self.minutes = family, grid.minutes
        rows = events[events["type"].isin([t.value for t in family.types]).to_numpy()].reset_index(drop=True)
        kinds, names = rows["type"].astype(object), tenants_of(rows).astype(object)
        if family.per_provider and "provider" in rows:
            names = names + "\x1f" + rows["provider"].astype(object).fillna("").astype(object)
        place, units = pd.factorize(names)
        told_apart = [str(unit).partition("\x1f") for unit in units]
        self.tenants, self.named = [one[0] for one in told_apart], [one[2] for one in told_apart]
        self.provider, self.providers = pd.factorize(np.array(self.named, dtype=object))
        self.age, self.place = np.ceil(grid.ages(rows["occurred_at"])).astype(int), place
        self.first = np.full(len(units), 0)
        np.minimum.at(self.first, place, self.age)
        told = {
            name: self._sums(kinds.isin([t.value for t in types]).to_numpy())
            for name, types in (
                ("failures", family.failures), ("attempts", family.attempts),
                ("successes", family.successes), ("activity", family.activity),
            )
        }  # fmt: skip
        self.failures = told["failures"]
        reported = (told["attempts"][1][:, -1:] + told["successes"][1][:, -1:] > 0) | (not family.activity)
        self.tries = tuple(
            np.where(reported, np.fmax(a, f + s), np.fmax(f, v))
            for f, a, s, v in zip(
                told["failures"], told["attempts"], told["successes"], told["activity"], strict=True
            )
        )  # fmt: skip
        self.alone = np.zeros((len(units), self.minutes + 1), bool)
        self.together = np.zeros((max(len(self.providers), 1), self.minutes + 1), bool)

    def due(self, minute: int) -> Iterator[tuple[Cause, Cause]]:
        """Causes that may open, each with that of all tenants."""
        for number in np.flatnonzero(self.together[:, minute]):
            everybody = self._everybody(str(self.providers[number]) if len(self.providers) else "")
            yield everybody, everybody
        for unit in np.flatnonzero(self.alone[:, minute]):
            name = self.named[unit]
            own = Cause(TenantId(self.tenants[unit]), self.family.kind, of_tenant(name))
            yield own, self._everybody(name)

    def look_at_shares(self, limit: FaultSettings) -> None:
        """Mark minutes in which shares of a tenant, or of many, could be too high."""
        need = np.log(limit.everywhere_odds) - _ROOM_ODDS
        for begin in range(0, self.minutes + 1, HOUR):
            place = slice(begin, min(begin + HOUR, self.minutes + 1))
            usual = _ROOM * self._share(begin, limit.prior_tries, limit.floor_share)
            mean, variance = self._moments(begin)
            for window in (15, 60):
                failures, tries = self._window(begin, window)
                share = np.broadcast_to(usual[:, None], failures.shape)
                found = share_of_tenant.suspects(failures, tries, share, limit)
                unit, _ = np.nonzero(found)
                part = window / HOUR
                tail = tail_probability(
                    failures[found], part * mean[unit], part * variance[unit],
                    floor_mean=_ROOM * limit.floor_mean * part, floor_dispersion=limit.floor_dispersion,
                )  # fmt: skip
                found[found] = (tail <= _ROOM_TAIL * limit.max_p_value) | self._young(begin)[unit]
                self.alone[:, place] |= found
                self._look_together(failures, tries, share, limit, need, place)

    def _look_together(
        self, failures: Counts, tries: Counts, share: Counts, limit: FaultSettings, need: float, place: slice
    ) -> None:
        for number in range(len(self.providers)):
            mine = self.provider == number
            many = (failures[mine] > 0).sum(axis=0) >= limit.everywhere_min_tenants
            if many.any():
                odds = common_log_odds(
                    failures[mine], tries[mine], share[mine],
                    worse=limit.everywhere_shares, touched=limit.everywhere_touched,
                )  # fmt: skip
                rest, usual = (x.sum(axis=0) - np.take_along_axis(x, failures[mine].argmax(axis=0)[None, :], axis=0)[0]
                               for x in (failures[mine], share[mine] * tries[mine]))  # fmt: skip
                self.together[number, place] |= many & (odds >= need) & (rest >= limit.everywhere_min_lift * usual)

    def told(self, begin: int, window: int, limit: FaultSettings) -> tuple[Counts, Counts, Counts]:
        """What each cell says of the shares that may fail in an outage; failures; and how many are usual."""
        failures, tries = self._window(begin, window)
        share = np.broadcast_to(
            _ROOM * self._share(begin, limit.prior_tries, limit.floor_share)[:, None], failures.shape
        )
        odds = cell_log_odds(failures, tries, share, worse=limit.everywhere_shares, touched=limit.everywhere_touched)
        return odds, failures, share * tries

    def look_at_tokens(self, limit: TokenSettings) -> None:
        """Mark minutes in which a tenant's refusals, or those of all but one, could be too many."""
        if not len(self.alone):
            return
        for begin in range(0, self.minutes + 1, HOUR):
            place = slice(begin, min(begin + HOUR, self.minutes + 1))
            usual = _ROOM * self._share(begin, limit.prior_tries, 0.0)[:, None]
            mean = _ROOM * self._moments(begin)[0][:, None]
            for window in (5, 15, 60):
                refused, tries = self._window(begin, window)
                expected = np.fmax(usual * tries, mean * window / HOUR)
                bound = np.fmax(limit.tenant_fold * expected, _ROOM * limit.floor_mean * window / HOUR)
                found = (refused >= limit.min_failures) & (refused > bound)
                found[found] = _tail(refused[found], bound[found], limit.floor_dispersion) <= (
                    _ROOM_TAIL * limit.max_p_value
                )
                self.alone[:, place] |= found
                largest = refused.argmax(axis=0)[None, :]
                rest, others = (x.sum(axis=0) - np.take_along_axis(x, largest, axis=0)[0] for x in (refused, expected))
                many = (refused > 0).sum(axis=0) >= limit.everywhere_min_tenants
                many &= (rest >= limit.everywhere_min_failures) & (rest > limit.everywhere_fold * others)
                benign = limit.everywhere_benign_fold * others
                many[many] = _tail(rest[many], benign[many], limit.everywhere_dispersion) <= (
                    _ROOM_TAIL * limit.everywhere_max_p_value
                )
                self.together[0, place] |= many

    def _everybody(self, provider: str) -> Cause:
        return Cause(NO_TENANT, self.family.kind, of_everybody(provider))

    def _sums(self, mine: Flags) -> tuple[Counts, Counts]:
        """Running sums, by minute from an hour before the start, and by hour from the beginning of the past."""
        place, age = self.place[mine], self.age[mine]
        recent, units = age > -HOUR - 1, len(self.first)
        near, hours = self.minutes + HOUR + 2, _PAST + self.minutes // HOUR + 2
        by_minute = _bins(place[recent], np.fmin(age[recent] + HOUR + 1, near - 1), units, near)
        back = np.floor_divide(age - 1, HOUR) + _PAST
        by_hour = _bins(place[back >= 0], np.fmin(back[back >= 0], hours - 1), units, hours)
        return by_minute, by_hour

    def _window(self, begin: int, window: int) -> tuple[Counts, Counts]:
        """Failures in a window a minute too long, and tries in one that is exact, for the minutes from `begin` on."""
        ends = np.arange(begin, min(begin + HOUR, self.minutes + 1)) + HOUR + 1
        starts = np.fmax(ends - window, 0)
        failures = self.failures[0][:, ends] - self.failures[0][:, np.fmax(starts - 1, 0)]
        tries = np.fmax(self.tries[0][:, ends] - self.tries[0][:, starts], failures)
        return failures.astype(float), tries.astype(float)

    def _past(self, begin: int) -> Counts:
        """Failures at this hour of the day and its neighbours over 28 days, cut as the baselines are."""
        days = begin // HOUR + _PAST - 24 * np.arange(1, 29)
        ends = np.concatenate([days - 1, days, days + 1])
        found = np.asarray(self.failures[1][:, ends] - self.failures[1][:, ends - 1], float)
        if not len(found):
            return found
        spared = int(len(ends) * CUT_SHARE)
        cut = np.fmax(np.partition(found, -1 - spared, axis=1)[:, -1 - spared], ALWAYS_COUNTED)
        return np.asarray(np.fmin(found, cut[:, None]), float)

    def _moments(self, begin: int) -> tuple[Counts, Counts]:
        past = self._past(begin)
        return _ROOM * past.mean(axis=1), _ROOM * past.var(axis=1)

    def _share(self, begin: int, prior: float, floor: float) -> Counts:
        days = begin // HOUR + _PAST - 24 * np.arange(1, 29)
        tries = (self.tries[1][:, days + 1] - self.tries[1][:, days - 2]).sum(axis=1, dtype=float)
        failures = self._past(begin).sum(axis=1)
        common = failures.sum() / max(tries.sum(), 1)
        return np.asarray(np.fmax((failures + prior * common) / (tries + prior), floor), float)

    def _young(self, begin: int) -> Flags:
        return np.asarray(begin - self.first < 8 * 24 * HOUR, bool)


def look_at_mails(family: _Counted, other: _Counted, limit: FaultSettings) -> None:
    """Mark minutes in which mails of both kinds could fail together. Source: spine/detect/fault/mail_everywhere.py."""
    names = sorted({*family.tenants, *other.tenants})
    places = [np.array([names.index(name) for name in one.tenants], np.intp) for one in (family, other)]
    for begin in range(0, family.minutes + 1, HOUR):
        for window in (15, HOUR):
            told, failed, usual = zip(*(one.told(begin, window, limit) for one in (family, other)), strict=True)
            total, expected = (added(places, [x[None] for x in one], len(names))[0] for one in (failed, usual))
            found = (failed[0].sum(axis=0) >= limit.shared_min_failures) & (
                (total > 0).sum(axis=0) >= limit.everywhere_min_tenants
            )
            if not found.any():
                continue
            found &= together(told[0]) >= np.log(limit.shared_own_odds) - _ROOM_ODDS
            found &= together(added(places, told, len(names))) >= np.log(limit.shared_odds) - _ROOM_ODDS
            loudest = total.argmax(axis=0)[None, :]
            rest, others = (x.sum(axis=0) - np.take_along_axis(x, loudest, axis=0)[0] for x in (total, expected))
            found &= rest >= limit.everywhere_min_lift * others
            family.together[0, begin : begin + HOUR] |= found


def _tail(counts: Counts, bound: Counts, dispersion: float) -> Counts:
    return tail_probability(counts, bound, bound * dispersion, floor_mean=0.01, floor_dispersion=dispersion)


def _bins(place: npt.NDArray[np.intp], bins: npt.NDArray[np.int_], units: int, size: int) -> Counts:
    counted = np.bincount(place.astype(np.int64) * size + bins, minlength=units * size).reshape(units, size)
    return np.cumsum(counted, axis=1, dtype=np.float32)
