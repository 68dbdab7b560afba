"""Filters of the templates: times, shares, names. All text stays escaped by the templates."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from spine.incident import Incident
from spine.plain import clean, cut
from spine.span import span

_NOW: ContextVar[datetime] = ContextVar("now")
_LONGEST = 400
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


@contextmanager
def at(now: datetime) -> Iterator[None]:
    """Within it, relative times are told from `now`."""
    token = _NOW.set(now)
    try:
        yield
    finally:
        _NOW.reset(token)


def relative(moment: datetime, now: datetime) -> str:
    """How far `moment` is from `now`: "3 min ago", "in 12 min"."""
    seconds = (now - moment).total_seconds()
    n = abs(round(seconds))
    if n < 5:
        return "now"
    unit, size = next((unit, size) for unit, size in _UNITS if n >= size)
    return f"{n // size} {unit} ago" if seconds >= 0 else f"in {n // size} {unit}"


def ago(moment: datetime | None) -> Markup | str:
    """A time as people think of it, with the exact one in its title."""
    if moment is None:
        return "—"
    return Markup('<time datetime="{}" title="{:%Y-%m-%d %H:%M:%S} UTC" data-relative>{}</time>').format(
        moment.isoformat(), moment, relative(moment, _NOW.get())
    )


def utc(moment: datetime | None) -> Markup | str:
    """The exact time of day; the date stands in its title."""
    if moment is None:
        return "—"
    return Markup('<time datetime="{}" title="{:%Y-%m-%d %H:%M:%S} UTC">{:%H:%M:%S}</time>').format(
        moment.isoformat(), moment, moment
    )


def clock(moment: datetime) -> str:
    """Hours and minutes, for axes."""
    return f"{moment:%H:%M}"


def stamp(moment: datetime | None) -> Markup | str:
    """Date and time."""
    if moment is None:
        return "—"
    return Markup('<time datetime="{}">{:%Y-%m-%d %H:%M:%S} UTC</time>').format(moment.isoformat(), moment)


def percent(share: float, digits: int = 1) -> str:
    """A share (0..1) as people read it."""
    return f"{share:.{digits}%}".replace("%", " %")


def number(value: float) -> str:
    """A measure without noise: 4, 0.97, 12 345."""
    if float(value).is_integer():
        return f"{int(value):,}".replace(",", "\N{THIN SPACE}")
    return f"{value:.3g}"


def tame(text: object, limit: int = _LONGEST) -> str:
    """Text from outside: one line, no invisible marks, not endless."""
    return cut(clean(str(text)), limit)


def human(key: str) -> str:
    """A key as words: FAILED_LOGINS_SPIKE is "failed logins spike", `awaiting_approval` "awaiting approval"."""
    return key.replace("_", " ").lower() if key.isupper() else key.replace("_", " ")


def heading(key: str) -> str:
    """The same as the beginning of a sentence; names that are short forms stay as they are."""
    told = human(key)
    for word in ("jwt", "oauth"):
        told = told.replace(word, {"jwt": "JWT", "oauth": "OAuth"}[word])
    return told[:1].upper() + told[1:]


def titled(incident: Incident, limit: int = _LONGEST) -> str:
    """An incident's title for people: the kind in words, the rest as it is."""
    kind = incident.kind.value
    return tame(incident.title.replace(kind, heading(kind)), limit)


def who(actor: str) -> str:
    """Who did something, without what sort of actor it is: people have addresses, the rest have names."""
    return tame(actor.removeprefix("person:"), 120)


def lasting(length: timedelta | None) -> str:
    """A duration."""
    return "—" if length is None else span(length)


_TONES: Mapping[str, str] = {
    "open": "bad", "escalated": "bad", "revert_failed": "bad", "unknown": "bad", "failed": "bad", "fail": "bad",
    "denied": "bad", "awaiting_approval": "warn", "pending": "warn", "warn": "warn", "rolling_back": "warn",
    "reverting": "warn", "expired": "warn", "mitigating": "busy", "verifying": "busy", "monitoring": "busy",
    "applying": "busy", "intended": "busy", "active": "busy", "mitigated": "good", "resolved": "good",
    "verified": "good", "approved": "good", "pass": "good", "passed": "good",
}  # fmt: skip


def tone(state: str) -> str:
    """The colour of a state, as a class; the word itself always stands beside it."""
    return _TONES.get(state, "")


FILTERS: dict[str, Callable[..., Any]] = {
    "ago": ago, "utc": utc, "clock": clock, "stamp": stamp,
    "percent": percent, "number": number, "tame": tame, "human": human,
    "heading": heading, "lasting": lasting, "who": who, "titled": titled, "tone": tone,
}  # fmt: skip
