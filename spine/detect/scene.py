"""The frames, prepared once per tick: per address and per user sums that several detectors ask for."""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from spine.detect.fault.cell import Cells, cells
from spine.detect.fault.family import Family
from spine.detect.frames import COLUMNS, Frames
from spine.incident import IncidentKind
from spine.settings.detect import DetectSettings

_KEY = ["tenant_id", "ip"]
Key = tuple[str, str]
Places = npt.NDArray[np.intp]
_NOWHERE: Places = np.zeros(0, np.intp)


@dataclass(frozen=True)
class Scene:
    """What a detector looks at: the frames of the real world, or of one drill."""

    frames: Frames
    settings: DetectSettings
    drill_id: str | None = None

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """`logins` with what is thought of its address: `known`, and `trusted` (known, and not overrun now)."""
        return self._with_past(self.frames.logins)

    @cached_property
    def hostile(self) -> pd.DataFrame:
        """Rows with a failure in the last hour, from addresses that are not trusted; users who are at home there
        left out, unless a crowd fails."""
        logins = self.frames.logins
        rows = self._with_past(logins[logins["fail_60m"].to_numpy() > 0])
        stale = rows["at_home"].to_numpy(bool) & ~(rows["known"] & ~rows["trusted"]).to_numpy(bool)
        return rows[~rows["trusted"].to_numpy(bool) & ~stale]

    @cached_property
    def by_address(self) -> pd.DataFrame:
        """One row per address of `hostile`: failures and users per window, most failures of one user, span."""
        rows = self.hostile
        flags = rows.assign(users_15m=(rows["fail_15m"] > 0).astype("int64"), users_60m=1)
        grouped = flags.groupby(_KEY, sort=False)
        sums = grouped[["fail_15m", "fail_60m", "users_15m", "users_60m"]].sum()
        most = grouped[["fail_15m", "fail_60m"]].max().set_axis(["most_15m", "most_60m"], axis=1)
        return sums.join([most, grouped["first_fail"].min(), grouped["last_fail"].max()]).reset_index()

    @cached_property
    def tenants(self) -> pd.DataFrame:
        """`tenants` with `mature`: enough history for ratios."""
        rows = self.frames.tenants
        return rows.assign(mature=rows["history_days"] >= self.settings.min_history_days)

    def faults(self, family: Family) -> Cells:
        """The counts of one family of failures, as arrays."""
        if family.kind not in self._faults:
            self._faults[family.kind] = cells(self.frames.faults, family)
        return self._faults[family.kind]

    @cached_property
    def _faults(self) -> dict[IncidentKind, Cells]:
        return {}

    def hostile_failures(self, window: str) -> int:
        """Failures of `hostile` in a window ("15m", "30m", "60m"): most ticks end with this number being small."""
        return int(self.hostile[f"fail_{window}"].to_numpy().sum())

    def _with_past(self, rows: pd.DataFrame) -> pd.DataFrame:
        keys = list(zip(rows["tenant_id"], rows["ip"], strict=True))
        known, trusted = self._known, self._known - self._overrun
        return rows.assign(
            known=np.fromiter((key in known for key in keys), bool, len(keys)),
            trusted=np.fromiter((key in trusted for key in keys), bool, len(keys)),
        )

    @cached_property
    def _known(self) -> set[Key]:
        past = self.frames.addresses
        return _keys(past[past["known"].to_numpy(bool)])

    @cached_property
    def _overrun(self) -> set[Key]:
        """Known addresses that fail for a crowd: this hour most of its users mostly fail, and so did most tries ever.

        An attacker who has tried the few users of a small tenant for long enough has got in as most of them. A
        client that retries a stale password fails for one user only, and where an identity provider is down the
        tries of better days count.
        """
        past = self.frames.addresses
        poor = past[past["known"].to_numpy(bool) & (past["failures"] > past["successes"]).to_numpy(bool)]
        if poor.empty:
            return set()
        rows = self.frames.logins.merge(poor[_KEY], on=_KEY)
        users = rows.assign(lost=rows["fail_60m"] > rows["ok_60m"]).groupby(_KEY)["lost"].agg(["sum", "size"])
        crowd = (users["sum"] >= self.settings.bucket.min_users) & (2 * users["sum"] > users["size"])
        return set(users.index[crowd])

    def rows_of(self, tenant: str, address: str) -> pd.DataFrame:
        """The hostile rows of one address of one tenant."""
        return self.hostile.iloc[self._addresses.get((tenant, address), _NOWHERE)]

    def hostile_of(self, tenant: str) -> pd.DataFrame:
        """The hostile rows of one tenant."""
        return self.hostile.iloc[self._hostile_tenants.get(tenant, _NOWHERE)]

    def logins_of(self, tenant: str) -> pd.DataFrame:
        """The rows of `logins` of one tenant."""
        return self.frames.logins.iloc[self._login_tenants.get(tenant, _NOWHERE)]

    # places of rows, found once: to look through all rows for each tenant takes minutes where a thousand are attacked
    @cached_property
    def _addresses(self) -> Mapping[Any, Places]:
        return _places(self.hostile, _KEY)

    @cached_property
    def _hostile_tenants(self) -> Mapping[Any, Places]:
        return _places(self.hostile, "tenant_id")

    @cached_property
    def _login_tenants(self) -> Mapping[Any, Places]:
        return _places(self.frames.logins, "tenant_id")


def scenes(frames: Frames, settings: DetectSettings) -> list[Scene]:
    """The real world's scene and one per drill: drills are judged on their own events alone."""
    logins = frames.logins
    drilled = logins["synthetic"].astype(bool).to_numpy() if len(logins) else np.zeros(0, bool)
    drills = {str(drill) for drill in logins.loc[drilled, "drill_id"]} | frames.entities.drills()
    if not drills:
        return [Scene(frames, settings)]
    found = [Scene(replace(frames, logins=logins[~drilled], entities=frames.entities.real()), settings)]
    series, unknown, faults = _empty("series"), _empty("unknown"), _empty("faults")
    for drill in sorted(drills):
        rows = logins[drilled & (logins["drill_id"].map(str) == drill).to_numpy(bool)]
        mine = frames.entities.of_drill(drill)
        alone = replace(frames, logins=rows, series=series, unknown=unknown, faults=faults, entities=mine)
        found.append(Scene(alone, settings, drill_id=drill))
    return found


def _places(frame: pd.DataFrame, by: str | list[str]) -> Mapping[Any, Places]:
    found: Any = frame.groupby(by, sort=False).indices
    return cast(Mapping[Any, Places], found)


def _keys(frame: pd.DataFrame) -> set[Key]:
    return set(zip(frame["tenant_id"], frame["ip"], strict=True))


def _empty(name: str) -> pd.DataFrame:
    return pd.DataFrame(columns=list(COLUMNS[name]))


def records(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows as named tuples (`Index` first): their fields are known at run time only.

    As `itertuples`, which builds its class anew each time: too slow for frames of a few rows, many a tick.
    """
    if frame.empty:
        return iter(())
    columns = [frame.index.tolist(), *(frame[name].tolist() for name in frame)]
    return map(_record(tuple(frame)), zip(*columns, strict=True))


@cache
def _record(names: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    made: Any = namedtuple("Record", ("Index", *names))  # type: ignore[misc]
    make: Callable[[Iterable[Any]], Any] = made._make
    return make
