"""The frames, prepared once per tick: per address and per user sums that several detectors ask for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from spine.detect.frames import COLUMNS, Frames
from spine.settings.detect import DetectSettings

_KEY = ["tenant_id", "ip"]


@dataclass(frozen=True)
class Scene:
    """What a detector looks at: the frames of the real world, or of one drill."""

    frames: Frames
    settings: DetectSettings
    drill_id: str | None = None

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """`logins` with its address's past joined: `trusted` (known good), `ever_ok`, `overflowed_at` …"""
        rows = self.frames.logins.merge(self._past, on=_KEY, how="left")
        return rows.assign(trusted=rows["trusted"].eq(True), ever_ok=rows["ever_ok"].eq(True))

    @cached_property
    def failing(self) -> pd.DataFrame:
        """Rows of `attempts` with a failure in the last hour."""
        return self.attempts[self.attempts["fail_60m"] > 0]

    @cached_property
    def hostile(self) -> pd.DataFrame:
        """Rows of `failing` from addresses without a good past."""
        return self.failing[~self.failing["trusted"]]

    @cached_property
    def by_address(self) -> pd.DataFrame:
        """One row per address of `hostile`: failures and users per window, most failures of one user, span."""
        rows = self.hostile
        flags = rows.assign(user_15m=(rows["fail_15m"] > 0).astype("int64"), user_60m=1)
        found = flags.groupby(_KEY, sort=False, as_index=False).agg(
            fail_5m=("fail_5m", "sum"),
            fail_15m=("fail_15m", "sum"),
            fail_60m=("fail_60m", "sum"),
            users_15m=("user_15m", "sum"),
            users_60m=("user_60m", "sum"),
            most_15m=("fail_15m", "max"),
            most_60m=("fail_60m", "max"),
            first_fail=("first_fail", "min"),
            last_fail=("last_fail", "max"),
            overflowed_at=("overflowed_at", "first"),
            overflow_n=("overflow_n", "first"),
            overflow_first=("overflow_first", "first"),
        )
        return found

    @cached_property
    def tenants(self) -> pd.DataFrame:
        """`tenants` with `mature`: enough history for ratios."""
        rows = self.frames.tenants
        return rows.assign(mature=rows["history_days"] >= self.settings.min_history_days)

    @cached_property
    def _past(self) -> pd.DataFrame:
        rows = self.frames.addresses
        tries = (rows["failures"] + rows["successes"]).clip(lower=1)
        good = rows["ever_ok"].astype(bool) & (rows["successes"] / tries >= self.settings.trusted_success_share)
        columns = [*_KEY, "ever_ok", "overflowed_at", "overflow_n", "overflow_first"]
        return rows[columns].assign(trusted=good)

    def rows_of(self, tenant: str, address: str) -> pd.DataFrame:
        """The hostile rows of one address of one tenant."""
        rows = self.hostile
        return rows[(rows["tenant_id"] == tenant) & (rows["ip"] == address)]


def scenes(frames: Frames, settings: DetectSettings) -> list[Scene]:
    """The real world's scene and one per drill: drills are judged on their own events alone."""
    logins = frames.logins
    drilled = logins["synthetic"].astype(bool).to_numpy() if len(logins) else np.zeros(0, bool)
    if not drilled.any():
        return [Scene(frames, settings)]
    found = [Scene(replace(frames, logins=logins[~drilled]), settings)]
    series, unknown = _empty("series"), _empty("unknown")
    for drill_id, rows in logins[drilled].groupby("drill_id", dropna=False):
        alone = replace(frames, logins=rows, series=series, unknown=unknown)
        found.append(Scene(alone, settings, drill_id=str(drill_id)))
    return found


def _empty(name: str) -> pd.DataFrame:
    return pd.DataFrame(columns=list(COLUMNS[name]))


def records(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows as named tuples (`Index` first): their fields are known at run time only."""
    return iter(frame.itertuples())
