"""Counts of a replay: of all minutes at once, or at each row. Times are minutes since the replay's start, as floats."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

MINUTE = timedelta(minutes=1)
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Grid:
    """The minutes of a replay: 0 is its start, and the tick of minute m sees what happened up to it."""

    start: datetime
    minutes: int

    def ages(self, times: pd.Series) -> Floats:
        """Minutes since the start."""
        return np.asarray((pd.to_datetime(times, utc=True) - self.start) / MINUTE, float)

    def flags(self, ages: Floats) -> Flags:
        """Minutes whose tick is the first to see one of these moments."""
        flags = np.zeros(self.minutes + 1, bool)
        index = np.ceil(ages)
        flags[index[(index >= 0) & (index <= self.minutes)].astype(int)] = True
        return flags

    def flags_by(self, ages: Floats, place: npt.NDArray[np.intp], size: int) -> Flags:
        """The same by place, one row each."""
        flags = np.zeros((size, self.minutes + 1), bool)
        index = np.ceil(ages)
        use = (index >= 0) & (index <= self.minutes)
        flags[place[use], index[use].astype(int)] = True
        return flags

    def sums(self, ages: Floats, place: npt.NDArray[np.intp], size: int, window: int) -> Counts:
        """Rows in the window that ends with each minute, or a minute longer, by place."""
        return self._steps(np.ceil(ages), np.floor(ages + window) + 2, place, size)

    def distinct(
        self, ages: Floats, item: npt.NDArray[np.intp], place: npt.NDArray[np.intp], size: int, window: int
    ) -> Counts:
        """Different items in that window, by place; `item` differs between places. Rows are in order of time.

        Each counts from one of its rows to the next, as long as the window reaches.
        """
        upcoming = pd.Series(ages).groupby(item, sort=False).shift(-1).fillna(np.inf).to_numpy()
        return self._steps(np.ceil(ages), np.minimum(np.floor(ages + window) + 2, np.ceil(upcoming)), place, size)

    def _steps(self, begin: Floats, end: Floats, place: npt.NDArray[np.intp], size: int) -> Counts:
        use = (end > begin) & (end > 0) & (begin <= self.minutes)
        last = self.minutes + 1
        steps = np.zeros((size, last + 1), np.int32)
        np.add.at(steps, (place[use], np.clip(begin[use], 0, last).astype(int)), 1)
        np.add.at(steps, (place[use], np.clip(end[use], 0, last).astype(int)), -1)
        return np.cumsum(steps, axis=1, dtype=np.int32)


def codes(rows: pd.DataFrame, columns: Sequence[str]) -> npt.NDArray[np.intp]:
    """One number per different combination of these columns."""
    found = np.zeros(len(rows), np.int64)
    for name in columns:
        one, values = pd.factorize(rows[name], use_na_sentinel=False)
        found = pd.factorize(found * max(len(values), 1) + one)[0]
    return np.asarray(found, np.intp)


def distinct_so_far(
    ages: Floats, item: npt.NDArray[np.intp], group: npt.NDArray[np.intp], window: float
) -> npt.NDArray[Any]:
    """At each row, how many different items its group had in the window up to it. Rows are in order of time."""
    times = pd.Series(ages)
    before = times.groupby(item, sort=False).shift(1).to_numpy()
    after = times.groupby(item, sort=False).shift(-1).to_numpy()
    first, last = ~(ages - before <= window), ~(after - ages <= window)
    moment = np.concatenate([ages[first], ages, ages[last] + window])
    step = np.concatenate([np.ones(first.sum(), int), np.zeros(len(ages), int), -np.ones(last.sum(), int)])
    where = np.concatenate([group[first], group, group[last]])
    order = np.lexsort((-step, moment, where))
    total = np.empty(len(moment), int)
    total[order] = np.cumsum(step[order])
    return total[first.sum() : first.sum() + len(ages)]
