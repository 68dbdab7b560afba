"""What is known of a user whose account may be in other hands: from where, with which sessions, and what was done.

Findings name a user by a hash alone; who it is is found again among the events of the case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from spine.attribute import ATTRIBUTES
from spine.case import Case
from spine.detect.entity.sighting import USER
from spine.detect.summary import hashed
from spine.event_type import EventType

T = EventType
SNAPSHOT_HOURS = 24
"""As far back as a snapshot reaches: a session is older than its theft. Source: RUNBOOKS 1."""
MOST_USERS = 100
"""Source: RUNBOOKS 1, bounds of session.revoke_user and user.stepup_require."""
_CHANGES = (T.ADMIN_ACTION.value, T.MFA_ENROLLED.value, T.MFA_REMOVED.value)
_STAYS: Mapping[str, str] = {
    "api_key_created": "an API token", "client_changed": "an application", "idp_created": "an identity provider",
    "idp_changed": "an identity provider", "mfa_reset": "a reset of factors", "role_granted": "a role",
    "admin_invited": "an administrator", "user_created": "a user", "policy_changed": "a policy",
    T.MFA_ENROLLED.value: "a new factor", T.MFA_REMOVED.value: "a removed factor",
}  # fmt: skip
"""What outlives the session in which it was made, by the change."""
_BROWSER = r"mozilla/|opera/"
_COLUMNS = ("type", "occurred_at", "user_id", "ip", "country", "user_agent", "session_id", "attributes")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trail:
    """The events of the suspected users in the last hour."""

    users: tuple[str, ...]
    """() = the events do not hold them, or could not be read."""
    addresses: tuple[str, ...]
    """Those of the evidence where the users were not before it."""
    sessions: tuple[str, ...]
    """Ids of sessions that were used there, that several of the users used, or whose refresh came back late."""
    rows: pd.DataFrame
    """Everything of these users, in order of time."""
    foreign: pd.DataFrame
    """What was done there or with these sessions since it began; all since then when no address tells."""
    writes: pd.DataFrame
    """Privileged changes among it that were not refused, with their name as the column `change`."""

    @property
    def persistence(self) -> tuple[str, ...]:
        """What would let an intruder back in, in words, each once."""
        return tuple(dict.fromkeys(_STAYS[change] for change in self.writes["change"] if change in _STAYS))

    @property
    def home(self) -> pd.DataFrame:
        """What is the users' own, as far as it can be told."""
        return self.rows[~self.rows.index.isin(self.foreign.index)]

    @property
    def same_device(self) -> bool:
        """True when every agent seen there is one the users had elsewhere, too."""
        there, own = self._agents()
        return bool(there) and there <= own

    @property
    def other_device(self) -> bool:
        """True when an agent seen there is none of those the users had elsewhere; unknown agents are neither."""
        there, own = self._agents()
        return bool(own) and not there <= own

    def _agents(self) -> tuple[set[str], set[str]]:
        return set(self.foreign["user_agent"].dropna()), set(self.home["user_agent"].dropna())

    def said(self, name: str, value: object) -> bool:
        """True when an event from there says so."""
        return any(said(one, name) == value for one in self.foreign["attributes"])

    def chain(self) -> str:
        """The last thing the users did themselves, and the first that was not them; "" = it cannot be told."""
        if self.home.empty or self.foreign.empty:
            return ""
        first = self.foreign.iloc[0]
        before = self.home[self.home["occurred_at"] <= first["occurred_at"]]
        own = before.iloc[-1] if len(before) else self.home.iloc[0]
        return f"{_told(own)}, then {_told(first)}"


def trail(case: Case) -> Trail:
    """What the case knows of the users it is about."""
    rows = pd.concat([_columns(case.logins), _columns(case.along)], ignore_index=True)
    rows = rows.sort_values("occurred_at", kind="stable", ignore_index=True)
    began = case.incident.first_event_at
    users = _users(case, rows)
    mine = rows[rows["user_id"].isin(users)]
    lived = set(mine.loc[mine["occurred_at"] < began, "ip"].dropna())
    lived |= set(case.logins.loc[case.logins["known_address"].astype(bool), "ip"].dropna())
    addresses = tuple(sorted(case.suspects - lived))
    later = mine[mine["occurred_at"] >= began]
    there = later[later["ip"].isin(addresses)] if addresses else later.iloc[:0]
    foreign = there if addresses else later
    changed = foreign[foreign["type"].isin(_CHANGES) & ~told(foreign, "allowed", False)]
    names = [_change(row) for row in changed.itertuples()]
    return Trail(
        users=users,
        addresses=addresses,
        sessions=_sessions(mine, there),
        rows=mine,
        foreign=foreign,
        writes=changed.assign(change=pd.Series(names, index=changed.index, dtype=object)),
    )


def said(attributes: Any, name: str) -> Any:
    """What an event's attributes say of `name`; None = nothing."""
    return attributes.get(name) if isinstance(attributes, Mapping) else None


def told(rows: pd.DataFrame, name: str, value: object) -> "pd.Series[bool]":
    """Which rows say so."""
    return pd.Series([said(one, name) is value for one in rows["attributes"]], index=rows.index, dtype=bool)


def counted(n: float, noun: str) -> str:
    """A number of things, for people: "1 user", "2 addresses"."""
    ending = "" if n == 1 else "es" if noun.endswith("s") else "s"
    return f"{n:.0f} {noun}{ending}"


def gaps(case: Case, known: Trail) -> tuple[str, ...]:
    """What could not be known of the users, in words."""
    found = []
    if not known.users and case.incident.subject.startswith(USER):
        found.append(
            "no event of the last hour names the user the findings are about: nobody can be acted upon by name"
        )
    if known.users and not known.addresses:
        found.append("no address of the evidence is foreign to the user: what was done by whom cannot be told apart")
    if known.addresses and not known.sessions:
        found.append("no event from there names its session (`session_id`): its end is judged by the address")
    if len(known.foreign) and known.foreign["user_agent"].isna().all():
        found.append("no event from there names its user agent: devices cannot be told apart")
    return tuple(found)


def is_program(agents: "pd.Series[Any]") -> "pd.Series[bool]":
    """Which agents are programs and no browsers; one that is not named is neither."""
    named = agents.dropna().astype(str)
    return ~named.str.lower().str.match(_BROWSER)


def _sessions(mine: pd.DataFrame, there: pd.DataFrame) -> tuple[str, ...]:
    owners = mine.dropna(subset=["session_id", "user_id"]).groupby("session_id")["user_id"].nunique()
    reused = mine.loc[told(mine, "refresh_reused", True), "session_id"].dropna()
    return tuple(sorted({str(one) for one in (*there["session_id"].dropna(), *owners.index[owners > 1], *reused)}))


def _change(row: Any) -> str:
    """What was changed; a word we do not know is the sender's, and is not repeated."""
    name = said(row.attributes, "admin_action")
    return str(name) if name in ATTRIBUTES["admin_action"].values else str(row.type)


def _users(case: Case, rows: pd.DataFrame) -> tuple[str, ...]:
    """The subject's user, and whoever shares a session with them; without a subject nobody."""
    subject = case.incident.subject
    if not subject.startswith(USER):
        return ()
    wanted, tenant = subject.removeprefix(USER), case.incident.tenant_id
    named = {str(user) for user in rows["user_id"].dropna()}
    named |= {str(owner) for one in rows["attributes"] if (owner := said(one, "owner_user_id"))}
    own = {user for user in named if hashed(tenant, user) == wanted}
    people = rows[rows["user_id"].notna() & ~told(rows, "is_admin", True)]
    sessions = set(people.loc[people["user_id"].isin(own), "session_id"].dropna())
    sharing = {
        str(row.user_id)
        for row in people.itertuples()
        if said(row.attributes, "owner_user_id") in own or (row.session_id and row.session_id in sessions)
    }
    return (*sorted(own), *sorted(sharing - own)[: MOST_USERS - 1])


def _columns(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that matter here; an unreadable case has none of them."""
    rows = frame.reindex(columns=list(_COLUMNS)).astype(object)
    return rows.assign(occurred_at=pd.to_datetime(rows["occurred_at"], utc=True))


def _told(row: Any) -> str:
    """An event without a word that its sender could have made up."""
    agents = is_program(pd.Series([row["user_agent"]], dtype=object))
    by = "" if agents.empty else " by a program" if bool(agents.iloc[0]) else " by a browser"
    country = f" ({row['country']})" if isinstance(row["country"], str) else ""
    where = f" from {row['ip']}{country}" if isinstance(row["ip"], str) else ""
    return f"{row['occurred_at']:%H:%M:%S}Z {str(row['type']).replace('_', ' ')}{where}{by}"
