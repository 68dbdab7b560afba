"""Which minutes of a replay need a tick. In the others nothing can open, end, or gain an address.

A finding needs hostile rows: failures of an address whose share of successes is, or was, below the trusted one.
Between events of such addresses all counts can only fall, baselines change on the hour, and an incident ends
when its quiet time is over. The rules that ask for "at most" can begin to hold while counts fall; they need
several failures within the hour, so as long as there are that many, every minute is looked at.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import numpy as np
import numpy.typing as npt
import pandas as pd

from spine.ids import NO_TENANT, TenantId
from spine.settings.detect import DetectSettings

MINUTE = timedelta(minutes=1)
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
        failed = rows[~rows["ok"]]
        suspect = rows[_suspect(rows, settings.trusted_success_share)]
        tries = suspect[~suspect["ok"]]
        fewest = int(min(settings.bucket.capacity_failures + 1, settings.targeted_user.min_failures,
                         settings.spray.min_failures, settings.stuffing.min_failures))  # fmt: skip
        self.moving = self._at(suspect["at"])
        self.moving |= self._at(rows.groupby("tenant")["at"].min() + timedelta(days=settings.min_history_days))
        self.crowded = self._crowded(tries, fewest, timedelta(minutes=60))
        for tenant, flags in self._crowded(failed, settings.tenant_ratio.min_failures, timedelta(minutes=15)).items():
            self.crowded[tenant] = flags | self.crowded.get(tenant, np.zeros(minutes + 1, bool))

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

    def _crowded(self, failed: pd.DataFrame, fewest: int, window: timedelta) -> dict[TenantId, Flags]:
        """Per tenant, minutes at which at least `fewest` failures lie within the window (and a minute)."""
        found: dict[TenantId, Flags] = {}
        for tenant, rows in failed.groupby("tenant"):
            times = np.asarray((rows["at"] - self.start) / MINUTE, float)
            if len(times) < fewest:
                continue
            begin, end = np.ceil(times[fewest - 1 :]), np.floor(times[: len(times) - fewest + 1] + window / MINUTE) + 1
            flags = np.zeros(self.minutes + 1, bool)
            for a, b in zip(begin, end, strict=True):
                if b >= max(a, 0):
                    flags[max(int(a), 0) : int(b) + 1] = True
            found[TenantId(str(tenant))] = flags
        return found


def _logins(events: pd.DataFrame) -> pd.DataFrame:
    rows = events[events["type"].isin(_LOGINS)]
    return pd.DataFrame(
        {
            "tenant": _tenants(rows).to_numpy(),
            "ip": _spelled(rows["ip"]),
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


def _suspect(rows: pd.DataFrame, share: float) -> Flags:
    """Rows of addresses that at some time had too small a share of successes to be trusted."""
    grouped = rows.groupby(["tenant", "ip"], sort=False)["ok"]
    good, tries = grouped.cumsum(), grouped.cumcount() + 1
    low = (good == 0) | (good / tries < share)
    return np.asarray(low.groupby([rows["tenant"], rows["ip"]]).transform("any").eq(True), bool)
