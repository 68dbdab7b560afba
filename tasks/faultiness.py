"""Which minutes of a replay could show failures of resets, verifications, callbacks or tokens that are too many.

The detectors' own arithmetic on counts of all minutes at once, with some room: what it leaves out, no tick would find.
"""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spine.detect.fault import share_of_tenant
from spine.detect.fault.family import CALLBACKS, RESETS, TOKENS, VERIFICATIONS, Family
from spine.detect.fault.odds import common_log_odds
from spine.settings.detect import DetectSettings
from spine.settings.fault import FaultSettings, TokenSettings
from tasks.doubt import tenants_of

HOUR = 60
_PAST = 28 * 24 + 2
"""Hours before the start that are counted."""
_ROOM = 0.9
"""Usual shares are taken this much lower, so that an event at the edge of a window changes nothing."""
_ROOM_ODDS = 1.0
Counts = npt.NDArray[Any]
"""Sums as single precision: they are whole numbers far below 16 million, and there are many of them."""
Flags = npt.NDArray[np.bool_]


def fault_minutes(events: pd.DataFrame, settings: DetectSettings, start: datetime, minutes: int) -> Flags:
    """For each minute since `start`, whether the tick at its end must be made."""
    flags = np.zeros(minutes + 1, bool)
    for family, limit in ((RESETS, settings.resets), (VERIFICATIONS, settings.verifications),
                          (CALLBACKS, settings.callbacks)):  # fmt: skip
        flags |= _Counted(events, family, start, minutes).shares(limit)
    return flags | _Counted(events, TOKENS, start, minutes).tokens(settings.tokens)


class _Counted:
    """Failures and tries of one family: sums up to each minute of the replay, and up to each hour of the past."""

    def __init__(self, events: pd.DataFrame, family: Family, start: datetime, minutes: int) -> None:
        self.minutes = minutes
        rows = events[events["type"].isin([t.value for t in family.types]).to_numpy()].reset_index(drop=True)
        kinds, names = rows["type"], tenants_of(rows).astype(str)
        if family.per_provider and "provider" in rows:
            names = names + "\x1f" + rows["provider"].astype(object).fillna("").astype(str)
        place, units = pd.factorize(names)
        self.units = len(units)
        self.provider = pd.factorize(np.array([str(unit).partition("\x1f")[2] for unit in units], dtype=object))[0]
        self.age = np.ceil(np.asarray((rows["occurred_at"] - start) / timedelta(minutes=1), float)).astype(int)
        self.place = place
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

    def shares(self, limit: FaultSettings) -> Flags:
        """Minutes in which shares of a tenant, or of many, could be too high."""
        flags = np.zeros(self.minutes + 1, bool)
        need = np.log(limit.everywhere_odds) - _ROOM_ODDS
        for begin in range(0, self.minutes + 1, HOUR):
            usual = _ROOM * self._usual(begin, limit.prior_tries, limit.floor_share)
            for window in (15, 60):
                failures, tries = self._window(begin, window)
                share = np.broadcast_to(usual[:, None], failures.shape)
                found = share_of_tenant.suspects(failures, tries, share, limit).any(axis=0)
                for provider in np.unique(self.provider):
                    mine = self.provider == provider
                    many = (failures[mine] > 0).sum(axis=0) >= limit.everywhere_min_tenants
                    if many.any():
                        odds = common_log_odds(
                            failures[mine], tries[mine], share[mine],
                            worse=limit.everywhere_shares, touched=limit.everywhere_touched,
                        )  # fmt: skip
                        found |= many & (odds >= need)
                flags[begin : begin + HOUR] |= found
        return flags

    def tokens(self, limit: TokenSettings) -> Flags:
        """Minutes in which a tenant's refusals, or those of all but one, could be too many."""
        flags = np.zeros(self.minutes + 1, bool)
        for begin in range(0, self.minutes + 1, HOUR):
            usual = _ROOM * self._usual(begin, limit.prior_tries, 0.0)[:, None]
            for window in (5, 15, 60):
                refused, tries = self._window(begin, window)
                expected = usual * tries
                bound = np.fmax(limit.tenant_fold * expected, _ROOM * limit.floor_mean * window / 60)
                found = ((refused >= limit.min_failures) & (refused > bound)).any(axis=0)
                if self.units:
                    largest = refused.argmax(axis=0)[None, :]
                    rest, others = (
                        x.sum(axis=0) - np.take_along_axis(x, largest, axis=0)[0] for x in (refused, expected)
                    )
                    many = (refused > 0).sum(axis=0) >= limit.everywhere_min_tenants
                    found |= many & (rest >= limit.everywhere_min_failures) & (rest > limit.everywhere_fold * others)
                flags[begin : begin + HOUR] |= found
        return flags

    def _sums(self, mine: Flags) -> tuple[Counts, Counts]:
        """Running sums, by minute from an hour before the start, and by hour from the beginning of the past."""
        place, age = self.place[mine], self.age[mine]
        recent = age > -HOUR - 1
        near, hours = self.minutes + HOUR + 2, _PAST + self.minutes // HOUR + 2
        by_minute = _bins(place[recent], np.fmin(age[recent] + HOUR + 1, near - 1), self.units, near)
        back = np.floor_divide(age - 1, HOUR) + _PAST
        by_hour = _bins(place[back >= 0], np.fmin(back[back >= 0], hours - 1), self.units, hours)
        return by_minute, by_hour

    def _window(self, begin: int, window: int) -> tuple[Counts, Counts]:
        """Failures in a window a minute too long, and tries in one that is exact, for the minutes from `begin` on."""
        ends = np.arange(begin, min(begin + HOUR, self.minutes + 1)) + HOUR + 1
        starts = np.fmax(ends - window, 0)
        failures = self.failures[0][:, ends] - self.failures[0][:, np.fmax(starts - 1, 0)]
        tries = np.fmax(self.tries[0][:, ends] - self.tries[0][:, starts], failures)
        return failures.astype(float), tries.astype(float)

    def _usual(self, begin: int, prior: float, floor: float) -> Counts:
        days = begin // HOUR + _PAST - 24 * np.arange(1, 29)
        failures, tries = (
            (x[:, days + 1] - x[:, days - 2]).sum(axis=1, dtype=float) for x in (self.failures[1], self.tries[1])
        )
        common = failures.sum() / max(tries.sum(), 1)
        return np.asarray(np.fmax((failures + prior * common) / (tries + prior), floor), float)


def _bins(place: npt.NDArray[np.intp], bins: npt.NDArray[np.int_], units: int, size: int) -> Counts:
    counted = np.bincount(place.astype(np.int64) * size + bins, minlength=units * size).reshape(units, size)
    return np.cumsum(counted, axis=1, dtype=np.float32)
