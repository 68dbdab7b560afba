"""Password resets asked for to annoy or to try doors: one user's again and again, or many users' from one address."""

from dataclasses import dataclass

import pandas as pd

from spine.event_type import EventType

REQUESTS_PER_USER, USERS_PER_ADDRESS = 5, 20
"""Resets of one user in an hour, or users of one address in 15 minutes, that prove abuse. Source: RUNBOOKS 2.2."""
_REQUESTED = EventType.PASSWORD_RESET_REQUESTED.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Abuse:
    """What the last hour's requests show."""

    per_user: int
    """Most requests for one user."""
    per_address: int
    """Most users of one address in a quarter of an hour."""
    users: frozenset[str]
    """Whose resets somebody asks for again and again."""
    addresses: frozenset[str]
    """From where so many users' resets are asked for."""

    @property
    def proven(self) -> bool:
        """True when either is beyond what people do."""
        return bool(self.users or self.addresses)


def requests(along: pd.DataFrame) -> pd.DataFrame:
    """The requests among a family's other events, in order of time; empty where there are none."""
    if "type" not in along:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in ("type", "occurred_at", "user_id", "ip")})
    return along[along["type"] == _REQUESTED].sort_values("occurred_at", kind="stable")


def abuse_in(asked: pd.DataFrame) -> Abuse:
    """What `asked` (of `requests`) shows."""
    named, placed = asked.dropna(subset=["user_id"]), asked.dropna(subset=["user_id", "ip"])
    each = named.groupby("user_id").size()
    quarter = pd.to_datetime(placed["occurred_at"], utc=True).dt.floor("15min")
    users = placed.groupby([placed["ip"], quarter])["user_id"].nunique().groupby(level="ip").max()
    return Abuse(
        per_user=int(each.max()) if len(each) else 0,
        per_address=int(users.max()) if len(users) else 0,
        users=frozenset(str(user) for user in each.index[each >= REQUESTS_PER_USER]),
        addresses=frozenset(str(ip) for ip in users.index[users >= USERS_PER_ADDRESS]),
    )


def of_abusers(asked: pd.DataFrame, abuse: Abuse) -> "pd.Series[bool]":
    """Which requests belong to the abuse."""
    return (asked["user_id"].isin(abuse.users) | asked["ip"].isin(abuse.addresses)).astype(bool)
