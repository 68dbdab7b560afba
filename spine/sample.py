"""From events to the samples a verdict is made of."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd

from spine.attribute import LOGINS
from spine.case import Case
from spine.decision.blast import attempts, overrun
from spine.event_type import EventType
from spine.family import FAMILIES, Family, Fate
from spine.lingering import left, refused
from spine.plan import Lingering, ShareLimit
from spine.share import counted
from spine.verdict import Sample

PATIENCE = timedelta(minutes=2)
"""Whoever has not got past a captcha after so long has given up. Judgement."""
_PAST_CAPTCHA = (EventType.CAPTCHA_PASSED.value, EventType.LOGIN_SUCCEEDED.value, EventType.LOGIN_FAILED.value)


def samples(
    logins: pd.DataFrame,
    *,
    applied_at: datetime,
    now: datetime,
    window: timedelta,
    watermark: datetime | None,
    known_users: Collection[str],
    known_addresses: Collection[str],
    suspects: Collection[str] = (),
    family: Family = FAMILIES[LOGINS],
    shares: Sequence[ShareLimit] = (),
    lingering: Lingering | None = None,
) -> list[Sample]:
    """One sample per whole window since `applied_at`.

    Args:
        logins: the tenant's events of `family` since `applied_at`.
        watermark: how far the tenant's events reach; a window that ends after it is incomplete. A source is
            allowed one silent window, for a quiet tenant is not a broken one.
        known_users: users with a success in the 30 days before the incident.
        known_addresses: addresses where people lived before it.
        suspects: addresses of the evidence. What fails for most users of one of them is no person, known or not.
        family: which events are attempts. Where addresses do not tell who does it, known users count anywhere.
        shares: what is counted beside failures.
        lingering: what is counted in place of failures.
    """
    frame = attempts(logins, since=applied_at, until=now, family=family)
    homes = set(known_addresses) - overrun(frame, suspects, known_users)
    steady = frame["user_id"].isin(set(known_users)) & (frame["ip"].isin(homes) | (not family.hostile))
    if lingering is not None:
        steady &= ~frame["user_id"].isin(lingering.users)  # they are signed out on purpose
    people = logins["user_id"].isin(set(known_users)) & logins["ip"].isin(homes)
    gave_up = _captchas(logins[people], now)
    stays = None if lingering is None else (left(logins, lingering, applied_at), refused(logins, lingering))
    reach = applied_at if watermark is None else watermark + window
    found, start = [], applied_at
    while start + window <= now:
        end = start + window
        inside = (frame["occurred_at"] >= start) & (frame["occurred_at"] < end)
        asked = gave_up[(gave_up["asked_at"] >= start) & (gave_up["asked_at"] < end)]
        found.append(
            replace(
                _counted(_sample(frame[inside], steady[inside], start, end, complete=end <= reach), stays),
                asked=len(asked), gave_up=int(asked["gave_up"].sum()),
                shares=counted(logins[(logins["occurred_at"] >= start) & (logins["occurred_at"] < end)], shares)
                if shares else (),
            )
        )  # fmt: skip
        start = end
    return found


def _counted(sample: Sample, stays: tuple[pd.DataFrame, pd.DataFrame] | None) -> Sample:
    """The sample with what stays, and what is tried in vain, in place of failures and what was stopped."""
    if stays is None:
        return sample
    failures, stopped = (
        int(((rows["occurred_at"] >= sample.start) & (rows["occurred_at"] < sample.end)).sum()) for rows in stays
    )
    return replace(sample, failures=failures, stopped=stopped)


def _captchas(steady: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """One row per known person who was asked for a captcha and had time to answer: asked_at (last), gave_up.

    Whoever tried a password afterwards got past it, whatever came of the password.
    """
    asked = steady[(steady["type"] == EventType.CAPTCHA_SHOWN.value) & (steady["occurred_at"] <= now - PATIENCE)]
    past = steady[steady["type"].isin(_PAST_CAPTCHA)].groupby("user_id")["occurred_at"].max()
    found = asked.groupby("user_id")["occurred_at"].max().to_frame("asked_at")
    return found.assign(gave_up=~(past.reindex(found.index) >= found["asked_at"]))


def success_rate(case: Case, least: int) -> float | None:
    """Share of known users' attempts that worked before anything was done about it.

    Of an attack: from known addresses, before it began; with fewer than `least` what is usual, None = unknown. Of a
    fault: since it began, for the fault itself is no harm of ours, only what is worse; with fewer than `least` 0.
    """
    frame, began, least = case.logins, case.incident.first_event_at, max(least, 1)
    worked = frame["fate"] == Fate.WORKED
    if case.family.hostile:
        steady = (frame["occurred_at"] < began) & frame["known_user"] & frame["known_address"]
        return float(worked[steady].mean()) if steady.sum() >= least else case.usual.success_rate
    steady = (frame["occurred_at"] >= began) & frame["known_user"]
    return float(worked[steady].mean()) if steady.sum() >= least else 0.0


def _sample(rows: pd.DataFrame, steady: "pd.Series[bool]", start: datetime, end: datetime, *, complete: bool) -> Sample:
    return Sample(
        start=start,
        end=end,
        failures=int((rows["fate"] == Fate.FAILED).sum()),
        stopped=int((rows["fate"] == Fate.STOPPED).sum()),
        legitimate_attempts=int(steady.sum()),
        legitimate_successes=int((steady & (rows["fate"] == Fate.WORKED)).sum()),
        complete=complete,
    )
