"""A case's events as mails and links: who got one, who did not, which links were refused and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from runbooks.mail.smtp import Why, why
from runbooks.mail.stream import Stream
from spine.case import Case

_TEXTS = ("delivery_state", "bounce", "smtp_status", "recipient_domain", "link_problem", "cohort")
_NUMBERS = ("delivery_seconds", "link_age_seconds", "clock_skew_seconds")
_FLAGS = ("scanner", "disposable_domain", "invalid_user")
_MOST_SECONDS = 1e9
"""Beyond thirty years a number is no duration; this leaves infinities out, too."""
_ARRIVED = ("delivered", "accepted", "rejected", "completed")
"""Whoever opens a link, good or bad, has got its mail."""
HARMLESS = frozenset({"superseded", "used"})
"""Links refused as they should be: an older mail's, or opened twice. Source: RUNBOOKS 2.2, Not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the last hour shows since the incident began, unknown addresses left out: to them nothing was sent."""

    rows: pd.DataFrame
    """Every event: role, at, who, ip, provider and what its attributes say."""
    before: pd.DataFrame
    """The same, of the hour's part before the incident."""
    lost: pd.DataFrame
    """One row per person whose last mail did not arrive, with `why` (runbooks/mail/smtp.py)."""
    arrived: pd.DataFrame
    """One row per person who got one."""
    recovered: int
    """People whose mail was put off and arrived after all."""
    refused: pd.DataFrame
    """Refused links, but for the harmless ones."""
    harmless: pd.DataFrame
    """Links refused as they should be."""
    unsaid: pd.DataFrame
    """Failures that say of neither mail nor link, of people of whom nothing else is known."""
    unknown: int
    """Requests for addresses nobody has."""

    @property
    def failures(self) -> int:
        """Everything that went wrong, each person and link once."""
        return len(self.lost) + len(self.refused) + len(self.harmless) + len(self.unsaid)

    def of(self, *roles: str) -> pd.DataFrame:
        """The events of some roles."""
        return self.rows[self.rows["role"].isin(roles)]


def read(case: Case, stream: Stream) -> Reading:
    """The reading of `case`; of one that cannot be read it is empty."""
    every = _events(case, stream)
    strangers = every["invalid_user"]
    known = every[~strangers]
    now = known["at"] >= case.incident.first_event_at
    rows = known[now]
    lost, arrived, recovered = _recipients(rows)
    rejected = _rejected(rows)
    harmless = rejected["link_problem"].isin(HARMLESS) | rejected["scanner"]
    told = {*lost["who"], *rejected["who"]}
    failed = rows[(rows["role"] == "failed") & ~rows["who"].isin(told) & ~_of_mail(rows) & rows["link_problem"].isna()]
    return Reading(
        rows=rows, before=known[~now], lost=lost, arrived=arrived, recovered=recovered,
        refused=rejected[~harmless], harmless=rejected[harmless], unsaid=failed.drop_duplicates("who"),
        unknown=int((strangers & (every["role"] == "asked")).sum()),
    )  # fmt: skip


def _events(case: Case, stream: Stream) -> pd.DataFrame:
    """The stream's events in order of time, attributes as columns; a value of another type than declared is none."""
    roles = stream.roles
    parts = [part[part["type"].isin(list(roles))] for part in (case.logins, case.along) if "type" in part]
    columns = ["id", "type", "occurred_at", "user_id", "ip", "provider", "attributes"]
    frame = pd.concat([part.reindex(columns=columns) for part in parts], ignore_index=True) if parts else None
    frame = pd.DataFrame(columns=columns) if frame is None else frame
    who = frame["user_id"].where(frame["user_id"].notna(), "#" + frame["id"].astype(str))
    said = [one if isinstance(one, Mapping) else {} for one in frame["attributes"]]
    frame = frame.assign(
        role=frame["type"].map(roles).astype(object),
        at=pd.to_datetime(frame["occurred_at"], utc=True),
        who=who.astype(str),
        **{name: _column(said, name, frame.index, _text) for name in _TEXTS},
        **{name: pd.to_numeric(_column(said, name, frame.index, _number)) for name in _NUMBERS},
        **{name: _column(said, name, frame.index, lambda value: value is True).astype(bool) for name in _FLAGS},
    )
    return frame.drop(columns=["attributes"]).sort_values(["at", "id"], kind="stable").reset_index(drop=True)


def _recipients(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Whose last mail was lost (its last event), who got one (the last event that shows it), how many at last."""
    missed = _last(rows[(rows["role"] == "undelivered") | ((rows["role"] == "failed") & _of_mail(rows))])
    reached = _last(rows[rows["role"].isin(_ARRIVED)])
    later = reached["at"].reindex(missed.index)
    saved = later.notna() & (later >= missed["at"])
    lost, arrived = missed[~saved], reached[~reached.index.isin(missed.index[~saved])]
    told = zip(lost["smtp_status"], lost["delivery_state"], lost["bounce"], strict=True)
    lost = lost.assign(why=pd.Series([why(*one).value for one in told], index=lost.index, dtype=object))
    domains = _last(rows.dropna(subset=["recipient_domain"]))["recipient_domain"]
    lost, arrived = (
        part.assign(recipient_domain=domains.reindex(part.index)).reset_index(drop=True) for part in (lost, arrived)
    )
    return lost, arrived, int(saved.sum())


def _last(rows: pd.DataFrame) -> pd.DataFrame:
    """The last event of every person, by person."""
    return rows.drop_duplicates("who", keep="last").set_index("who", drop=False)


def _of_mail(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Failures that say what became of a mail."""
    says = rows["delivery_state"].notna() | rows["smtp_status"].notna() | rows["bounce"].notna()
    return says & rows["link_problem"].isna()


def _rejected(rows: pd.DataFrame) -> pd.DataFrame:
    """Refused links; a failure that names a link's problem, of somebody of whom no refused link is known, is one."""
    refused = rows[rows["role"] == "rejected"]
    failed = rows[(rows["role"] == "failed") & rows["link_problem"].notna() & ~rows["who"].isin(set(refused["who"]))]
    return pd.concat([refused, failed.drop_duplicates("who")], ignore_index=True)


def count(rows: pd.DataFrame, *reasons: Why) -> int:
    """How many lost mails have one of these reasons."""
    return int(rows["why"].isin([one.value for one in reasons]).sum())


def _column(
    said: list[Mapping[str, Any]], name: str, index: "pd.Index[Any]", read_as: Callable[[Any], Any]
) -> "pd.Series[Any]":
    return pd.Series([read_as(one.get(name)) for one in said], index=index, dtype=object)


def _text(value: Any) -> str | None:
    return value.strip().lower() or None if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < _MOST_SECONDS else None
