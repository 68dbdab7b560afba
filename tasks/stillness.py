"""Which minutes of a replay could show failed logins that open an incident, or make one grow.

A finding needs hostile rows: failures of an address that is, at that time, not surely known good (tasks/doubt.py).
The rules' own numbers, counted for all minutes at once and with some room, tell when one may begin to hold; those
that ask for "at most" can do so while counts fall. What is left out here, no tick would find.
"""

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from spine.detect.tail import tail_probability, wilson_lower
from spine.ids import TenantId
from spine.settings.detect import DetectSettings
from store.unknown_now import Usual
from tasks.doubt import logins_of
from tasks.grid import Flags, Floats, Grid, codes, distinct_so_far

WINDOWS = {"15m": 15, "1h": 60, "6h": 360, "24h": 1440}
"""Of users tried from unknown addresses, in minutes."""
_SKETCHY = 0.95
"""Beyond some hundred users the product's own count is an estimate."""
_ROOM = 0.9
_SLOWER = 2
"""So many times slower than a machine some five of its tries may be while all are not."""
_TRIED = np.unique(np.concatenate([np.arange(1, 60), np.geomspace(60, 20_000, 200).astype(int)]))
"""Numbers of users that are tried for the tail; beyond the last one everything is looked at."""


class Stillness:
    """Made once from all events of a replay; asked once a minute."""

    def __init__(self, events: pd.DataFrame, settings: DetectSettings, start: datetime, minutes: int) -> None:
        self.settings = settings
        self.grid = Grid(start, minutes)
        rows = logins_of(events)
        place, names = pd.factorize(rows["tenant"])
        self.places = {TenantId(str(name)): number for number, name in enumerate(names)}
        rows = rows.assign(place=place, age=self.grid.ages(rows["at"]))
        failed, unsure = ~rows["ok"].to_numpy(bool), rows["unsure"].to_numpy(bool)
        tries = rows[failed & rows["counted"].to_numpy(bool)]
        grows = rows[(failed & unsure) | (rows["doubtful"] & rows["recent"]).to_numpy(bool)]
        self.growing = self.grid.flags_by(grows["age"].to_numpy(), grows["place"].to_numpy(), len(self.places))
        self.opening = self._flags_of(tries[self._one_of_many(tries, rows) & tries["unsure"].to_numpy(bool)])
        self.opening |= self._crowded(tries) | self._distributed(tries) | self._unbalanced(rows, failed)
        item, where = codes(tries, ["place", "user"]), tries["place"].to_numpy()
        self.users = {
            name: self.grid.distinct(tries["age"].to_numpy(), item, where, len(self.places), window)
            for name, window in WINDOWS.items()
        }
        self.trying = self._flags_of(tries)
        self.learn({})

    def learn(self, usual: Mapping[str, Usual]) -> None:
        """Take the baselines of an hour: usual users from unknown addresses, by tenant and window."""
        self.needed = {name: self._needed(name, usual) for name in WINDOWS}

    def due(self, minute: int) -> list[TenantId]:
        """Tenants where an incident may open at this minute's tick."""
        found = self.opening[:, minute].copy()
        trying = self.trying[:, minute]
        for name, needed in self.needed.items():
            found |= trying & (self.users[name][:, minute] >= needed)
        return [tenant for tenant, place in self.places.items() if found[place]]

    def grows(self, tenant: TenantId, since: int, minute: int) -> bool:
        """True when an incident of the tenant may have grown after minute `since`."""
        place = self.places.get(tenant)
        return place is not None and bool(self.growing[place, since + 1 : minute + 1].any())

    def _needed(self, name: str, usual: Mapping[str, Usual]) -> Floats:
        """The fewest users that the rule asks for, by place. Source: spine/detect/login/unknown_users.py."""
        limit = self.settings.unknown_users
        least = float(getattr(limit, f"min_users_{name}"))
        known = [usual.get(tenant, {}).get(name) for tenant in self.places]
        mean = np.array([0.0 if pair is None else pair[0] for pair in known])
        variance = np.array([0.0 if pair is None else pair[1] for pair in known])
        floors = np.fmax(least, limit.min_ratio * mean)
        tail = tail_probability(
            _TRIED[None, :], mean[:, None], variance[:, None],
            floor_mean=limit.floor_mean, floor_dispersion=limit.floor_dispersion,
        )  # fmt: skip
        rare = tail <= limit.max_p_value
        first = np.where(rare.any(axis=1), _TRIED[rare.argmax(axis=1)], 0)
        mature = np.array([pair is not None for pair in known], bool)
        return np.where(mature, np.fmax(floors, first), least) * _SKETCHY

    def _flags_of(self, rows: pd.DataFrame) -> Flags:
        return self.grid.flags_by(rows["age"].to_numpy(), rows["place"].to_numpy(), len(self.places))

    def _one_of_many(self, tries: pd.DataFrame, rows: pd.DataFrame) -> Flags:
        """Failures that are one of so many of their address or user that a rule could begin to hold.

        A bucket that overflowed is looked at for an hour; it needs `capacity` failures before, no older than it takes
        them to leak away.
        """
        bucket, user, force = self.settings.bucket, self.settings.targeted_user, self.settings.brute_force
        age = tries["age"].to_numpy()
        address, pair, who = (codes(tries, c) for c in (["place", "ip"], ["place", "ip", "user"], ["place", "user"]))
        capacity = int(bucket.capacity_failures)
        drained = 60 + (capacity + 1) * bucket.leak_seconds / 60
        overflows = _since(age, address, capacity) <= drained
        broad = distinct_so_far(age, pair, address, 61) >= bucket.min_users
        fast = _since(age, address, capacity) <= _SLOWER * (capacity + 1) * bucket.machine_seconds / 60
        first = rows.groupby("place")["age"].min().reindex(tries["place"]).to_numpy()
        young = age - first <= self.settings.min_history_days * 1440
        again = _since(age, pair, min(force.min_failures_15m, force.min_failures_60m) - 1) <= 61
        places = distinct_so_far(age, codes(tries, ["place", "user", "ip"]), who, 31) >= user.min_addresses
        many = _since(age, who, user.min_failures - 1) <= 31
        return np.asarray((overflows & (broad | fast | young)) | again | (places & many), bool)

    def _crowded(self, tries: pd.DataFrame) -> Flags:
        """While an address has failed for enough users, often enough, for the rules that ask for "at most", too."""
        spray, stuffing = self.settings.spray, self.settings.stuffing
        flags = np.zeros((len(self.places), self.grid.minutes + 1), bool)
        pair, address = codes(tries, ["place", "ip", "user"]), codes(tries, ["place", "ip"])
        users = distinct_so_far(tries["age"].to_numpy(), pair, address, 61)
        fewest = min(spray.min_failures, stuffing.min_failures)
        broad = pd.Series(users).groupby(address).transform("max") >= min(spray.min_users, stuffing.min_users)
        for _, rows in tries[broad.to_numpy(bool)].groupby(address[broad.to_numpy(bool)], sort=False):
            age, place = rows["age"].to_numpy(), int(rows["place"].to_numpy()[0])
            for begin, end in zip(age[fewest - 1 :], age[: max(len(age) - fewest + 1, 0)] + 60, strict=True):
                if end + 1 >= max(begin, 0):
                    flags[place, max(int(np.ceil(begin)), 0) : int(np.floor(end)) + 2] = True
        return flags

    def _distributed(self, tries: pd.DataFrame) -> Flags:
        limit, size = self.settings.spray, len(self.places)
        age, where = tries["age"].to_numpy(), tries["place"].to_numpy()
        failures = self.grid.sums(age, where, size, 15)
        users = self.grid.distinct(age, codes(tries, ["place", "user"]), where, size, 15)
        addresses = self.grid.distinct(age, codes(tries, ["place", "ip"]), where, size, 15)
        many = (failures >= limit.distributed_min_failures) & (users >= limit.distributed_min_users)
        return np.asarray(many & (addresses >= limit.distributed_min_addresses), bool)[:, : self.grid.minutes + 1]

    def _unbalanced(self, rows: pd.DataFrame, failed: Flags) -> Flags:
        """While a tenant's failures, of all addresses, are many and a large share."""
        limit, size = self.settings.tenant_ratio, len(self.places)
        age, where = rows["age"].to_numpy(), rows["place"].to_numpy()
        bad = self.grid.sums(age[failed], where[failed], size, 15)[:, : self.grid.minutes + 1]
        good = self.grid.sums(age[~failed], where[~failed], size, 14)[:, : self.grid.minutes + 1]
        flags = np.asarray(bad >= limit.min_failures, bool)
        flags[flags] = wilson_lower(bad[flags], bad[flags] + _ROOM * good[flags]) >= _ROOM * limit.min_ratio
        return flags


def _since(age: Floats, group: npt.NDArray[np.intp], back: int) -> Floats:
    """Minutes since the `back`-th row before in the same group; infinite where there is none."""
    earlier = pd.Series(age).groupby(group, sort=False).shift(back).to_numpy()
    return np.where(np.isnan(earlier), np.inf, age - earlier)
