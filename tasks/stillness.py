"""Which minutes of a replay need a tick. In the others nothing can open, end, or gain an address.

A finding needs hostile rows: failures of an address that is, at that time, not surely known good. Between such
events all counts can only fall, baselines change on the hour, and an incident ends when its quiet time is over.
The rules that ask for "at most" can begin to hold while counts fall; they need many failures of one address, or of
a tenant, so as long as there are that many, every minute is looked at.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import numpy as np
import numpy.typing as npt
import pandas as pd

from spine.detect.trust import MOST_EARLY, SEVERAL
from spine.ids import NO_TENANT, TenantId
from spine.settings.detect import DetectSettings

MINUTE = timedelta(minutes=1)
_SURE_SHARE = 0.85
"""Of an address's users: at this share, 64 bits do not take most of them for a minority."""
_LOGINS = ["login_failed", "login_succeeded"]
Flags = npt.NDArray[np.bool_]


class Stillness:
    """Made once from all events of a replay; asked once a minute."""

    def __init__(self, events: pd.DataFrame, settings: DetectSettings, start: datetime, minutes: int) -> None:
        self.start, self.minutes = start, minutes
        self.times = {
            TenantId(str(tenant)): pd.DatetimeIndex(times)
            for tenant, times in events["occurred_at"].groupby(_tenants(events), observed=True)
        }
        rows = _logins(events)
        failed, unsure = ~rows["ok"], ~_surely_known(rows)
        doubtful = unsure.groupby([rows["tenant"], rows["ip"]]).transform("any")
        tries = rows[failed & doubtful]
        self.moving = self._at(rows.loc[failed & unsure, "at"])
        self.moving |= self._at(rows.loc[~failed & doubtful & _failed_lately(rows), "at"])
        self.moving |= self._at(rows.groupby("tenant")["at"].min() + timedelta(days=settings.min_history_days))
        one = min(settings.spray.min_failures, settings.stuffing.min_failures)
        hour, quarter = timedelta(minutes=60), timedelta(minutes=15)
        self.crowded: dict[TenantId, Flags] = {}
        self._crowd(tries, ["tenant", "ip"], one, hour)
        self._crowd(tries, ["tenant"], settings.spray.distributed_min_failures, quarter)
        self._crowd(rows[failed], ["tenant"], settings.tenant_ratio.min_failures, quarter)

    def still(self, now: datetime, ends: Mapping[TenantId, datetime]) -> bool:
        """True when the tick at `now` may be left out. `ends`: when each tenant's live incident could end."""
        minute = round((now - self.start) / MINUTE)
        if self.moving[minute] or now.replace(minute=0, second=0, microsecond=0) > now - MINUTE:
            return False
        if any(self._heard_of(tenant, now) >= end for tenant, end in ends.items()):
            return False
        return not any(flags[minute] for tenant, flags in self.crowded.items() if tenant not in ends)

    def _heard_of(self, tenant: TenantId, now: datetime) -> datetime:
        times = self.times[tenant]
        last = int(times.searchsorted(pd.Timestamp(now), side="right")) - 1
        return datetime.min.replace(tzinfo=UTC) if last < 0 else times[last].to_pydatetime()

    def _at(self, times: pd.Series) -> Flags:
        """Minutes in which one of `times` falls: the tick at its end sees it."""
        flags = np.zeros(self.minutes + 1, bool)
        index = np.ceil(np.asarray((times - self.start) / MINUTE, float))
        flags[index[(index >= 0) & (index <= self.minutes)].astype(int)] = True
        return flags

    def _crowd(self, failed: pd.DataFrame, by: list[str], fewest: int, window: timedelta) -> None:
        """Mark, per tenant, minutes at which at least `fewest` failures of one group lie within the window."""
        for (tenant, *_), rows in failed.groupby(by):
            times = np.asarray((rows["at"] - self.start) / MINUTE, float)
            if len(times) < fewest:
                continue
            begin, end = np.ceil(times[fewest - 1 :]), np.floor(times[: len(times) - fewest + 1] + window / MINUTE) + 1
            flags = self.crowded.setdefault(TenantId(str(tenant)), np.zeros(self.minutes + 1, bool))
            for a, b in zip(begin, end, strict=True):
                if b >= max(a, 0):
                    flags[max(int(a), 0) : int(b) + 1] = True


def _logins(events: pd.DataFrame) -> pd.DataFrame:
    rows = events[events["type"].isin(_LOGINS)]
    return pd.DataFrame(
        {
            "tenant": _tenants(rows).to_numpy(),
            "ip": _spelled(rows["ip"]),
            "user": rows["user_id"].astype(object).where(rows["user_id"].notna(), np.arange(len(rows))).to_numpy(),
            "ok": (rows["type"] == "login_succeeded").to_numpy(),
            "at": rows["occurred_at"].to_numpy() if rows.empty else rows["occurred_at"].array,
        }
    )


def _tenants(events: pd.DataFrame) -> pd.Series:
    named = events["tenant_id"].astype(object) if "tenant_id" in events else pd.Series(None, events.index, object)
    return named.fillna(NO_TENANT)


def _spelled(addresses: pd.Series) -> npt.NDArray[np.object_]:
    """Addresses in one spelling, so that one address is one key."""
    codes, names = pd.factorize(addresses)
    spelled = np.array([_canonical(str(name)) for name in names] + [None], dtype=object)
    return spelled[codes]


def _canonical(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        return address


def _surely_known(rows: pd.DataFrame) -> "pd.Series[bool]":
    """At each login, whether its address is known good beyond doubt: with more room than the estimates need."""
    key = [rows["tenant"], rows["ip"]]
    ok = rows["ok"]

    def so_far(flags: pd.Series) -> pd.Series:
        return flags.groupby(key, sort=False).cumsum()

    tried = so_far(~rows.duplicated(["tenant", "ip", "user"]))
    entered = so_far(ok & ~rows.duplicated(["tenant", "ip", "user", "ok"]))
    good, bad = so_far(ok), so_far(~ok)
    early = bad.where(good == 0, 0).groupby(key, sort=False).cummax()
    most = (entered == tried) | (entered > _SURE_SHARE * tried)
    return most & ((early <= MOST_EARLY) | (entered >= 2 * SEVERAL)) & ((good > bad) | (tried < SEVERAL))


def _failed_lately(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Whether the address of a login had failed in the hour before it."""
    last = rows["at"].where(~rows["ok"]).groupby([rows["tenant"], rows["ip"]], sort=False).ffill()
    return rows["at"] - last <= timedelta(minutes=60)
