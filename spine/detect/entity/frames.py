"""What detectors of single users and of rare events look at, beside the window frames.

Times are aware UTC (`datetime64[us, UTC]`, NaT = none), texts objects (None = none). Every frame but `habits` has
`tenant_id` (str), `user_id` (str; in `crossings` and `facts` None, too), `synthetic` (bool), `drill_id` (str | None).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd

_DRILL = ("synthetic", "drill_id")
ENTITY_COLUMNS: dict[str, tuple[str, ...]] = {
    "places": ("tenant_id", "user_id", "country", "at", "ip", "other_country", "other_at", "new_device",
               "spot", "other_spot", *_DRILL),
    "sessions": ("tenant_id", "user_id", "sessions", "addresses", "first_at", "last_at", "ips", *_DRILL),
    "admins": ("tenant_id", "user_id", "at", "ip", "country", "agent", "country_seen", "other_country", "other_at",
               "acted", "break_glass", *_DRILL),
    "habits": ("tenant_id", "user_id", "what", "value", "n"),
    "crossings": ("tenant_id", "at", "probe", "user_id", "resource_tenant_id", "ip", "allowed", *_DRILL),
    "facts": ("tenant_id", "user_id", "fact", "n", "measure", "first_at", "last_at", "ips", "other_user", *_DRILL),
}  # fmt: skip
"""The columns each frame must have."""
_TIMES = frozenset({"at", "other_at", "first_at", "last_at"})
_COUNTS = frozenset({"sessions", "addresses", "n", "measure"})
_FLAGS = frozenset({"new_device", "country_seen", "acted", "break_glass", "probe", "allowed", "synthetic"})
_NO_TIME = -(2**63)


def entity_frame(name: str, rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """Rows as the frame `name`; times are given in microseconds since 1970 (None, or the least number: no time)."""
    return _typed(name, rows) if rows else _empty(name)


@cache
def _empty(name: str) -> pd.DataFrame:
    return _typed(name, [])


def _typed(name: str, rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    columns = ENTITY_COLUMNS[name]
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return pd.DataFrame({column: _column(column, given) for column, given in zip(columns, values, strict=True)})


def _column(name: str, values: tuple[Any, ...]) -> Any:
    if name in _TIMES:
        numbers = np.array([_NO_TIME if value is None else value for value in values], dtype=np.int64)
        return pd.DatetimeIndex(numbers.view("datetime64[us]")).tz_localize("UTC")
    if name in _COUNTS:
        return np.array(values, dtype=np.int64)
    if name in _FLAGS:
        return np.array(values, dtype=bool)
    return pd.Series(values, dtype=object)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityFrames:
    """Small frames, most of them empty at most ticks.

    places: users who logged in or began a session, within the hour, in a country new for them; one row per other place
        of the 6 hours before. Columns: country, at and ip (first seen there), other_country, other_at (last seen
        there), new_device (bool, not the one that was used at the other place, or nobody knows), spot and other_spot
        ("latitude longitude" in degrees, or None).
    sessions: users with sessions from several addresses in the last 40 minutes. Columns: sessions, addresses (int),
        first_at, last_at, ips (list of str).
    admins: logins of administrators in the last 60 minutes, in order of time. Columns: at, ip, country, agent
        (str | None, a hash), country_seen (bool, seen there before, otherwise than as administrator), other_country,
        other_at (where the user was last within the 6 hours before), acted (bool, changed something within 30 minutes
        after), break_glass (bool, with an account kept for emergencies).
    habits: all that is known of how those administrators log in, the logins of the hour included. Columns: what
        (country, address, agent, hour of the day in UTC), value (str), n (int, logins).
    crossings: accesses across tenants and failed isolation probes of the last 6 hours, in order of time. Columns: at,
        probe (bool, else an access), user_id, resource_tenant_id, ip, allowed (bool, let through without a grant).
    facts: what events of the last hour say by themselves. Columns: fact (which one, see below), n (int, events),
        measure (int), first_at, last_at, ips (list of str), other_user (str | None). Facts and their measure:
        session_replayed (sessions that a program uses elsewhere after a browser), session_of_two (2; user_id owns the
        session, other_user uses it), many_devices (devices of one session), refresh_reused (one row an event: seconds
        since its first use), guessed_ids (unknown session ids of one address within 5 minutes, user_id None; rows
        from ten on); of administrators second_factor_failed (right password, no second factor from there within 5
        minutes), pushes_denied (within 10 minutes), changed_on_new_device (changes within 30 minutes after a login
        with a device the sender never saw), idp_created, admins_replaced (administrators deleted within 10 minutes of
        an invitation); of tokens, user_id None, unsound_token_accepted (users of them; spine/token.py) and
        tokens_refused_rightly (those of made-up keys; n counts expired, forged and revoked ones, too); of callbacks,
        user_id None, unsound_callback_accepted (users of them; spine/callback.py).
    """

    places: pd.DataFrame = field(default_factory=partial(_empty, "places"))
    sessions: pd.DataFrame = field(default_factory=partial(_empty, "sessions"))
    admins: pd.DataFrame = field(default_factory=partial(_empty, "admins"))
    habits: pd.DataFrame = field(default_factory=partial(_empty, "habits"))
    crossings: pd.DataFrame = field(default_factory=partial(_empty, "crossings"))
    facts: pd.DataFrame = field(default_factory=partial(_empty, "facts"))

    def drills(self) -> set[str]:
        """The drills that have rows here."""
        frames = [frame for frame in self._drilled().values() if len(frame)]
        return {str(drill) for frame in frames for drill in frame.loc[frame["synthetic"].to_numpy(bool), "drill_id"]}

    def real(self) -> "EntityFrames":
        """The rows of the real world."""
        chosen = {name: frame[~frame["synthetic"].to_numpy(bool)] for name, frame in self._drilled().items()}
        return EntityFrames(**chosen, habits=self.habits)

    def of_drill(self, drill_id: str) -> "EntityFrames":
        """The rows of one drill. It has no habits but those that its own events form."""
        return EntityFrames(
            **{
                name: frame[frame["synthetic"].to_numpy(bool) & (frame["drill_id"].map(str) == drill_id).to_numpy(bool)]
                for name, frame in self._drilled().items()
            }
        )

    def _drilled(self) -> dict[str, pd.DataFrame]:
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "habits"}
