"""The counterfactual blast radius: the last hour's attempts (spine/family.py), replayed against a proposed action.

Where addresses tell who does it:

Attack       attempts from addresses of the evidence where nobody lived before the attack, and failures from
             any other address that was unknown before it. An address of the evidence that was known but now
             fails for half of its users or more (an office with an infected machine) counts as attack, too, but for
             the successes of users we know. Whoever got in from an address before the attack is at home there,
             whatever others do at it.
Legitimate   successes from elsewhere, and failures of users with a success in the prior 30 days from
             addresses that were known before, or where they are at home.
Where they do not, every attempt that did not work belongs to the incident, and every one that worked is legitimate.
"""

from collections.abc import Collection
from datetime import datetime

import pandas as pd

from spine.action import ActionParams, ActionSpec
from spine.attribute import LOGINS
from spine.family import FAMILIES, Family, Fate
from spine.plan import BlastRadius

COLUMNS = ("id", "type", "occurred_at", "user_id", "ip", "country", "user_agent")
"""What a frame of events has."""
DETAILS = ("provider", "resource_tenant_id", "session_id", "kid", "service", "attributes")
"""What it may have beside."""
_LOGINS = FAMILIES[LOGINS]
(SUCCEEDED,) = (kind.value for kind in _LOGINS.successes)
ATTEMPTS = tuple(kind.value for kind in _LOGINS.attempts)
"""Types that stand for one attempt to log in; a captcha shown is not one."""
OVERRUN_SHARE = 0.5
"""An address of the evidence is overrun when no more than this share of its users are known ones who got in."""
Pair = tuple[str, str]
"""Address and user."""


def attempts(
    events: pd.DataFrame | None, *, since: datetime, until: datetime, family: Family = _LOGINS
) -> pd.DataFrame:
    """The attempts in [since, until] in order of time, with their `fate`; an empty frame for None."""
    columns = [*COLUMNS, *DETAILS]
    if events is None or events.empty:
        empty = pd.DataFrame({name: pd.Series(dtype=object) for name in (*columns, "fate")})
        return empty.assign(occurred_at=pd.to_datetime(empty["occurred_at"], utc=True))
    frame = events.reindex(columns=columns)
    frame = frame.assign(occurred_at=pd.to_datetime(frame["occurred_at"], utc=True))
    inside = frame["type"].isin([t.value for t in family.attempts]) & frame["occurred_at"].between(since, until)
    frame = frame[inside].sort_values(["occurred_at", "id"], kind="stable").reset_index(drop=True)
    return frame.assign(fate=family.fates(frame))


def others(events: pd.DataFrame | None, *, since: datetime, until: datetime, family: Family) -> pd.DataFrame:
    """The events of the family that are no attempts, in [since, until]; a frame without columns for None."""
    if events is None:
        return pd.DataFrame()
    frame = events.reindex(columns=[*COLUMNS, *DETAILS])
    frame = frame.assign(occurred_at=pd.to_datetime(frame["occurred_at"], utc=True))
    inside = frame["type"].isin([t.value for t in family.along]) & frame["occurred_at"].between(since, until)
    return frame[inside].reset_index(drop=True)


def newcomers(frame: pd.DataFrame, *, most_failures: int = 3) -> frozenset[str]:
    """Addresses where one single user failed once or a few times and then got in: most likely mistyped, no attack."""
    seen = frame.dropna(subset=["ip"])
    seen = seen.assign(worked=seen["fate"] == Fate.WORKED, at=range(len(seen)))
    by = seen.groupby("ip", sort=False)
    last = seen.loc[by["at"].idxmax()].set_index("ip")["worked"] if len(seen) else pd.Series(dtype=bool)
    failures = (~seen["worked"]).groupby(seen["ip"]).sum()
    alone = by["user_id"].nunique() == 1
    mistyped = alone & (failures <= most_failures) & last.reindex(alone.index, fill_value=False).astype(bool)
    return frozenset(mistyped.index[mistyped])


def label(
    frame: pd.DataFrame,
    *,
    attack_start: datetime,
    suspects: Collection[str],
    known_users: Collection[str],
    known_addresses: Collection[str],
    residents: Collection[Pair] = (),
    family: Family = _LOGINS,
) -> pd.DataFrame:
    """`frame` (of `attempts`) with the bool columns known_user, known_address, attack and legitimate."""
    worked = frame["fate"] == Fate.WORKED
    before = frame[worked & (frame["occurred_at"] < attack_start)]
    ours = {*known_users, *before["user_id"].dropna()}
    known_user = frame["user_id"].isin(ours)
    known_address = frame["ip"].isin(set(known_addresses))
    lost = frame["ip"].isin(overrun(frame, suspects, ours))
    lives = pd.MultiIndex.from_frame(frame[["ip", "user_id"]]).isin(list(residents)) if residents else False
    at_home = (lives & (worked | ~lost)) | (known_address & lost & worked & known_user)
    known_address &= ~lost
    if not family.hostile:
        return _flagged(frame, known_user, known_address, ~worked, worked)
    attack = ~known_address & (frame["ip"].isin(set(suspects)) | ~worked) & ~at_home
    legitimate = ~attack & (worked | (known_user & known_address) | at_home)
    return _flagged(frame, known_user, known_address, attack, legitimate)


def _flagged(
    frame: pd.DataFrame,
    known_user: "pd.Series[bool]",
    known_address: "pd.Series[bool]",
    attack: "pd.Series[bool]",
    legitimate: "pd.Series[bool]",
) -> pd.DataFrame:
    flags = {"known_user": known_user, "known_address": known_address, "attack": attack, "legitimate": legitimate}
    return frame.assign(**{name: flag.astype(bool) for name, flag in flags.items()})


def overrun(frame: pd.DataFrame, suspects: Collection[str], known_users: Collection[str]) -> frozenset[str]:
    """Addresses of the evidence that fail, in `frame`, for half of their users or more; a failure that names no
    user counts as one."""
    rows = frame[frame["ip"].isin(set(suspects))]
    who = rows["user_id"].where(rows["user_id"].notna(), rows["id"])
    good = (rows["fate"] == Fate.WORKED) & rows["user_id"].isin(set(known_users))
    share = good.groupby([rows["ip"], who]).any().groupby(level="ip").mean()
    return frozenset(share.index[share <= OVERRUN_SHARE])


def estimate(
    spec: ActionSpec[ActionParams],
    params: ActionParams,
    targets: tuple[str, ...],
    labelled: pd.DataFrame,
    *,
    since: datetime,
    until: datetime,
    family: Family = _LOGINS,
) -> BlastRadius:
    """What `spec` would have done to the attempts of `labelled`, had it been in force all the time."""
    seen = labelled.drop(columns=["attack", "legitimate"])
    stopped = spec.stops(params, targets, seen).reindex(labelled.index, fill_value=False).astype(bool)
    attack, legitimate = labelled["attack"], labelled["legitimate"]
    hit = legitimate & stopped
    return BlastRadius(
        window_start=since,
        window_end=until,
        attack_events=int(attack.sum()),
        attack_stopped=int((attack & stopped).sum()),
        legitimate_events=int(legitimate.sum()),
        legitimate_hit=int(hit.sum()),
        legitimate_users_hit=int(labelled.loc[hit, "user_id"].nunique()),
        noun=family.noun,
        trouble=family.trouble,
        cap=spec.hit_cap,
    )
