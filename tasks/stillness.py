"""Which minutes of a replay need a tick. In the others nothing can open, end, or gain an address.

A finding needs hostile rows: failures of an address that is, at that time, not surely known good (tasks/doubt.py).
Between such failures all counts can only fall, baselines change on the hour, and an incident ends when its quiet
time is over. While a tenant has no live incident, even such a failure changes nothing before it is one of many: of
its address, its user or its tenant, or of users tried from unknown addresses, measured by the baseline of the hour.
The rules that ask for "at most" can begin to hold while counts fall, so in a crowd every minute is looked at.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from spine.ids import TenantId
from spine.settings.detect import DetectSettings
from tasks.doubt import logins_of, tenants_of

MINUTE = timedelta(minutes=1)
WINDOWS = {"15m": 15, "1h": 60, "6h": 360, "24h": 1440}
"""Of users tried from unknown addresses, in minutes."""
_SKETCHY = 0.95
"""Beyond some hundred users the product's own count is an estimate."""
Flags = npt.NDArray[np.bool_]


class Stillness:
    """Made once from all events of a replay; asked once a minute."""

    def __init__(self, events: pd.DataFrame, settings: DetectSettings, start: datetime, minutes: int) -> None:
        self.start, self.minutes, self.settings = start, minutes, settings
        self.times = {
            TenantId(str(tenant)): pd.DatetimeIndex(times)
            for tenant, times in events["occurred_at"].groupby(tenants_of(events), observed=True)
        }
        rows = logins_of(events)
        failed, unsure = ~rows["ok"], rows["unsure"]
        tries = rows[failed & rows["doubtful"]]
        self.opening = self._at(tries.loc[_one_of_many(tries, settings) & tries["unsure"], "at"])
        self.opening |= self._at(rows.groupby("tenant")["at"].min() + timedelta(days=settings.min_history_days))
        self.growing = self._per_tenant(rows[(failed & unsure) | (rows["doubtful"] & rows["recent"])])
        self.trying = self._tenants_at(rows[failed & unsure])
        self.crowded: dict[TenantId, Flags] = {}
        one = min(settings.spray.min_failures, settings.stuffing.min_failures)
        self._crowd(tries, ["tenant", "ip"], one, 60)
        self._crowd(tries, ["tenant"], settings.spray.distributed_min_failures, 15)
        self._crowd(rows[failed], ["tenant"], settings.tenant_ratio.min_failures, 15)
        self.places = {tenant: place for place, tenant in enumerate(self.times)}
        self.users = {name: self._users(rows[rows["counted"]], window) for name, window in WINDOWS.items()}
        self.learn({})

    def learn(self, usual: Mapping[str, Mapping[str, float]]) -> None:
        """Take the baselines of an hour: usual users from unknown addresses, by tenant and window."""
        limit = self.settings.unknown_users
        self.needed = {
            name: np.array(
                [
                    max(getattr(limit, f"min_users_{name}"), limit.min_ratio * usual.get(tenant, {}).get(name, 0.0))
                    for tenant in self.places
                ]
            )
            * _SKETCHY
            for name in WINDOWS
        }

    def still(self, now: datetime, ends: Mapping[TenantId, datetime]) -> bool:
        """True when the tick at `now` may be left out. `ends`: when each tenant's live incident could end."""
        minute = round((now - self.start) / MINUTE)
        if self.opening[minute] or now.replace(minute=0, second=0, microsecond=0) > now - MINUTE:
            return False
        if any(self._grows(tenant, minute) or self._heard_of(tenant, now) >= end for tenant, end in ends.items()):
            return False
        if any(flags[minute] for tenant, flags in self.crowded.items() if tenant not in ends):
            return False
        return not any(self._surprising(tenant, minute) for tenant in self.trying[minute] if tenant not in ends)

    def _grows(self, tenant: TenantId, minute: int) -> bool:
        return tenant in self.growing and bool(self.growing[tenant][minute])

    def _surprising(self, tenant: TenantId, minute: int) -> bool:
        place = self.places[tenant]
        return any(self.users[name][place, minute] >= self.needed[name][place] for name in WINDOWS)

    def _heard_of(self, tenant: TenantId, now: datetime) -> datetime:
        times = self.times[tenant]
        last = int(times.searchsorted(pd.Timestamp(now), side="right")) - 1
        return datetime.min.replace(tzinfo=UTC) if last < 0 else times[last].to_pydatetime()

    def _minutes(self, times: pd.Series) -> npt.NDArray[np.float64]:
        """Minutes since the start."""
        return np.asarray((times - self.start) / MINUTE, float)

    def _at(self, times: pd.Series) -> Flags:
        """Minutes in which one of `times` falls: the tick at its end sees it."""
        flags = np.zeros(self.minutes + 1, bool)
        index = np.ceil(self._minutes(times))
        flags[index[(index >= 0) & (index <= self.minutes)].astype(int)] = True
        return flags

    def _per_tenant(self, rows: pd.DataFrame) -> dict[TenantId, Flags]:
        return {TenantId(str(tenant)): self._at(times) for tenant, times in rows.groupby("tenant")["at"]}

    def _tenants_at(self, rows: pd.DataFrame) -> dict[int, list[TenantId]]:
        found: defaultdict[int, list[TenantId]] = defaultdict(list)
        for tenant, flags in self._per_tenant(rows).items():
            for minute in np.flatnonzero(flags):
                found[int(minute)].append(tenant)
        return found

    def _users(self, rows: pd.DataFrame, window: int) -> npt.NDArray[np.int32]:
        """Distinct users in the window that ends with each minute, or one more, by tenant: each counts from one of
        its failures to the next, as long as the window reaches."""
        at = self._minutes(rows["at"])
        upcoming = pd.Series(at, rows.index).groupby([rows["tenant"], rows["user"]], sort=False).shift(-1)
        begin = np.ceil(at)
        end = np.minimum(np.floor(at + window) + 2, np.ceil(upcoming.fillna(np.inf).to_numpy()))
        place = rows["tenant"].map(self.places).to_numpy()
        last = self.minutes + 1
        use = (end > begin) & (end > 0) & (begin <= self.minutes)
        steps = np.zeros((len(self.places), last + 1), np.int32)
        np.add.at(steps, (place[use].astype(int), np.clip(begin[use], 0, last).astype(int)), 1)
        np.add.at(steps, (place[use].astype(int), np.clip(end[use], 0, last).astype(int)), -1)
        return np.cumsum(steps, axis=1, dtype=np.int32)

    def _crowd(self, failed: pd.DataFrame, by: list[str], fewest: int, window: int) -> None:
        """Mark, per tenant, minutes at which at least `fewest` failures of one group lie within the window."""
        for (tenant, *_), rows in failed.groupby(by):
            times = self._minutes(rows["at"])
            if len(times) < fewest:
                continue
            begin, end = np.ceil(times[fewest - 1 :]), np.floor(times[: len(times) - fewest + 1] + window) + 1
            flags = self.crowded.setdefault(TenantId(str(tenant)), np.zeros(self.minutes + 1, bool))
            for a, b in zip(begin, end, strict=True):
                if b >= max(a, 0):
                    flags[max(int(a), 0) : int(b) + 1] = True


def _one_of_many(tries: pd.DataFrame, settings: DetectSettings) -> "pd.Series[bool]":
    """Failures that are one of so many of their address, user or tenant that a rule could hold.

    A bucket that overflowed is looked at for an hour; it needs `capacity` failures before, no older than it takes
    them to leak away.
    """
    bucket, user = settings.bucket, settings.targeted_user
    drained = timedelta(hours=1, seconds=(bucket.capacity_failures + 1) * bucket.leak_seconds)
    groups = (
        (["tenant", "ip"], int(bucket.capacity_failures + 1), drained),
        (["tenant", "user"], user.min_failures, timedelta(minutes=31)),
        (["tenant"], settings.spray.distributed_min_failures, timedelta(minutes=16)),
    )
    many = pd.Series(False, tries.index)
    for by, fewest, window in groups:
        earlier = tries.groupby(by, sort=False)["at"].shift(fewest - 1)
        many |= tries["at"] - earlier <= window
    return many
