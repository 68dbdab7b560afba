"""Which logins of a file could anybody take for hostile: those of addresses that are not surely known good."""

from datetime import timedelta
from ipaddress import ip_address

import numpy as np
import numpy.typing as npt
import pandas as pd

from spine.detect.trust import MOST_EARLY, SEVERAL
from spine.ids import NO_TENANT

HOUR = timedelta(hours=1)
_SURE_SHARE = 0.85
"""Of an address's users: at this share, 64 bits do not take most of them for a minority."""
_LOGINS = ["login_failed", "login_succeeded"]


def logins_of(events: pd.DataFrame) -> pd.DataFrame:
    """The logins among `events`, in their order, with what decides whether anybody could take them for hostile.

    Columns: tenant, ip (a number, whatever its spelling), user (a number; one that is not named counts as one more),
    ok, at; unsure (its address is not, at that time, known good beyond doubt), doubtful (of an address that ever was
    unsure), counted (a failure that may count as one from an unknown address: at its time, or when its hour is summed
    up), recent (a success within an hour after a failure of its address).
    """
    rows = events[events["type"].isin(_LOGINS)]
    found = pd.DataFrame(
        {
            "tenant": tenants_of(rows).to_numpy(),
            "ip": _spelled(rows["ip"]),
            "user": _numbered(rows["user_id"]),
            "ok": (rows["type"] == "login_succeeded").to_numpy(),
            "at": rows["occurred_at"].to_numpy() if rows.empty else rows["occurred_at"].array,
        }
    )
    key = [found["tenant"], found["ip"]]
    unsure, at = ~_surely_known(found), found["at"]
    next_unsure = at.where(unsure).groupby(key, sort=False).bfill()
    last_failure = at.where(~found["ok"]).groupby(key, sort=False).ffill()
    return found.assign(
        unsure=unsure,
        doubtful=unsure.groupby(key).transform("any"),
        counted=~found["ok"] & (next_unsure - at <= HOUR),
        recent=found["ok"] & (at - last_failure <= HOUR),
    )


def tenants_of(events: pd.DataFrame) -> pd.Series:
    """Whose each event is."""
    if "tenant_id" not in events:
        return pd.Series(NO_TENANT, events.index, object)
    named = events["tenant_id"]
    return named.astype(object).fillna(NO_TENANT) if named.hasnans else named


def _numbered(users: pd.Series) -> npt.NDArray[np.int64]:
    codes, names = pd.factorize(users)
    return np.where(codes < 0, len(names) + np.arange(len(codes)), codes)


def _spelled(addresses: pd.Series) -> npt.NDArray[np.int64]:
    """A number per address in one spelling; where there is none, that is one, too."""
    codes, names = pd.factorize(addresses)
    spelled, _ = pd.factorize(np.array([_canonical(str(name)) for name in names] + [""], dtype=object))
    return np.asarray(spelled[codes], np.int64)


def _canonical(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        return address


def _surely_known(rows: pd.DataFrame) -> "pd.Series[bool]":
    """At each login, whether its address is known good beyond doubt: with more room than the estimates need."""
    key, ok = [rows["tenant"], rows["ip"]], rows["ok"]

    def so_far(flags: pd.Series) -> pd.Series:
        return flags.groupby(key, sort=False).cumsum()

    tried = so_far(~rows.duplicated(["tenant", "ip", "user"]))
    entered = so_far(ok & ~rows.duplicated(["tenant", "ip", "user", "ok"]))
    good, bad = so_far(ok), so_far(~ok)
    early = bad.where(good == 0, 0).groupby(key, sort=False).cummax()
    most = (entered == tried) | (entered > _SURE_SHARE * tried)
    return most & ((early <= MOST_EARLY) | (entered >= 2 * SEVERAL)) & ((good > bad) | (tried < SEVERAL))
