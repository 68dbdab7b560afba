"""In which minutes of a replay a detector of single users or rare events may see something new.

Each of them needs an event of its own kind: an access across tenants, a session in another country than the user's
first or one of many, a login that is unlike most of the administrator's or follows failures. What is listed here is
more than what fires; minutes in between need no tick for their sake.
"""

from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from spine.settings.detect import DetectSettings
from tasks.doubt import tenants_of

MINUTE = timedelta(minutes=1)
_COMMON = 0.25
"""A device or country that so large a share of the earlier logins had gives two bits at the most."""
_CROSSINGS = ["tenant_scope_violation", "tenant_probe_failed"]
_SEEN = ["session_created", "login_succeeded"]
_FACTORS = ["admin_login_failed", "mfa_failed", "mfa_denied"]
_USES = ["session_used", "session_refreshed", "session_refresh_failed", "session_rejected"]
_TELLING = [*_USES, "admin_action", *_FACTORS]
"""What exact facts are made of: where a file tells these types with attributes or sessions, each is looked at."""
_PATIENCE = 5 * MINUTE
"""So long a second factor may take (store/sql/tick_facts.sql)."""


def rare_minutes(
    events: pd.DataFrame, settings: DetectSettings, start: datetime, minutes: int
) -> npt.NDArray[np.bool_]:
    """One flag per minute from `start`: the tick at its end has to look."""
    rows = events[events["type"].isin([*_CROSSINGS, *_SEEN, "admin_login", "login_failed"])].reset_index(drop=True)
    columns = {name: _column(rows, name) for name in ("user_id", "country", "ip", "user_agent")}
    rows = pd.DataFrame(
        {"tenant": tenants_of(rows), "type": rows["type"].astype(object), "at": rows["occurred_at"], **columns}
    )
    crossings = rows.loc[rows["type"].isin(_CROSSINGS), "at"]
    rows = rows[rows["user_id"].notna()]
    sessions, admins = rows[rows["type"].isin(_SEEN)], rows[rows["type"] == "admin_login"]
    moments = pd.concat(
        [
            crossings,
            _facts(events),
            _abroad(sessions),
            _many(sessions[sessions["type"] == "session_created"], settings.session.flood_sessions),
            _emergencies(events),
            _unlike(admins, rows),
        ]
    )
    flags = np.zeros(minutes + 1, bool)
    place = np.ceil(np.asarray((moments - start) / MINUTE, float))
    flags[place[(place >= 0) & (place <= minutes)].astype(int)] = True
    return flags


def _facts(events: pd.DataFrame) -> pd.Series:
    """What may be an exact fact now, or is one when no second factor has come."""
    if {"attributes", "session_id"}.isdisjoint(events.columns):
        return pd.Series(dtype=events["occurred_at"].dtype)
    kinds, times = events["type"], events["occurred_at"]
    told: pd.Series = times[kinds.isin(_TELLING)]
    found: pd.Series = pd.concat([told, times[kinds.isin(_FACTORS)] + _PATIENCE, _tokens(events)])
    return found


def _tokens(events: pd.DataFrame) -> pd.Series:
    """Accepted tokens of which something is told to be false, or that name no algorithm."""
    if "attributes" not in events:
        return pd.Series(dtype=events["occurred_at"].dtype)
    rows = events[events["type"] == "jwt_accepted"]
    odd = rows["attributes"].astype(str).str.contains("false|none", case=False, regex=True)
    found: pd.Series = rows.loc[odd.to_numpy(bool), "occurred_at"]
    return found


def _emergencies(events: pd.DataFrame) -> pd.Series:
    """Logins of administrators that say something of break-glass."""
    rows = events[events["type"] == "admin_login"]
    said = rows["break_glass"].notna() if "break_glass" in rows else pd.Series(False, rows.index)
    if "attributes" in rows:
        said |= rows["attributes"].astype(str).str.contains("break_glass", regex=False)
    found: pd.Series = rows.loc[said.to_numpy(bool), "occurred_at"]
    return found


def _column(rows: pd.DataFrame, name: str) -> pd.Series:
    if name not in rows:
        return pd.Series(None, rows.index, object)
    column: pd.Series = rows[name]
    return column if isinstance(column.dtype, pd.CategoricalDtype) else column.astype(object)


def _abroad(sessions: pd.DataFrame) -> pd.Series:
    """First sessions of users in a further country, soon after others; and what they begin in the hour after one."""
    rows = sessions[sessions["country"].notna()]
    who = [rows["tenant"], rows["user_id"]]
    further = ~rows.duplicated(["tenant", "user_id", "country"]) & rows.duplicated(["tenant", "user_id"])
    soon = rows["at"] - rows["at"].groupby(who, sort=False).shift(1) <= 361 * MINUTE
    last = rows["at"].where(further).groupby(who, sort=False).ffill()
    return rows.loc[(further & soon) | (~further & (rows["at"] - last <= 61 * MINUTE)), "at"]


def _many(sessions: pd.DataFrame, fewest: int) -> pd.Series:
    """Sessions that are at least the `fewest`-th of their user in 40 minutes."""
    earlier = sessions.groupby(["tenant", "user_id"], sort=False)["at"].shift(fewest - 1)
    return sessions.loc[sessions["at"] - earlier <= 41 * MINUTE, "at"]


def _unlike(admins: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Administrators' logins from a device or country that is not common for them, or after failures."""
    who = ["tenant", "user_id"]
    before = admins.groupby(who, sort=False).cumcount()
    rare = pd.Series(False, admins.index)
    for part in ("country", "user_agent"):
        rare |= admins.groupby([*who, part], sort=False, dropna=False).cumcount() < _COMMON * before
    both = rows[rows["type"].isin(["admin_login", "login_failed"])]
    failed_at = both["at"].where(both["type"] == "login_failed")
    last = failed_at.groupby([both["tenant"], both["user_id"]], sort=False).ffill().reindex(admins.index)
    return admins.loc[rare | (admins["at"] - last <= 61 * MINUTE), "at"]
