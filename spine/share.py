"""Shares that verification looks at beside failures: so many of the mails sent must arrive, so few may bounce.

One mail of thirty that is lost is no failed failover: a share has missed its line when the bound of its confidence
interval has (RUNBOOKS 0). What lies between is not enough to tell.
"""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from spine.detect.tail import wilson_lower
from spine.plan import ShareLimit
from spine.token import flaw_of

Counts = tuple[tuple[int, int], ...]
"""Of every limit, in order: the whole and the part."""


def counted(rows: pd.DataFrame, limits: Sequence[ShareLimit]) -> Counts:
    """Whole and part of each limit among `rows` (columns type and, where a limit asks for it, attributes)."""
    return tuple((int(rows["type"].isin(one.of).sum()), len(_part(rows, one))) for one in limits)


def totals(counts: Iterable[Counts], limits: Sequence[ShareLimit]) -> Counts:
    """The sums over several windows; a window that says nothing of a limit adds nothing."""
    rows = [dict(enumerate(one)) for one in counts]
    return tuple(
        (sum(row.get(k, (0, 0))[0] for row in rows), sum(row.get(k, (0, 0))[1] for row in rows))
        for k in range(len(limits))
    )


def told(limit: ShareLimit, whole: int, part: int) -> str:
    """The share in words."""
    share = f"{part / whole:.1%}" if whole else "none"
    return f"{limit.name}: {part} of {whole} ({share})"


def too_few(limits: Sequence[ShareLimit], sums: Counts) -> str | None:
    """Why nothing can be said of a share that must be reached; None = there is enough of each."""
    for limit, (whole, part) in zip(limits, sums, strict=True):
        if limit.least is None:
            continue
        if whole < limit.min_events:
            return f"{told(limit, whole, part)}, {limit.min_events} are needed to tell"
        if whole and part / whole < limit.least:
            return f"{told(limit, whole, part)}, too few to tell it from {limit.least:.1%}"
    return None


def reached(limits: Sequence[ShareLimit], sums: Counts) -> list[tuple[ShareLimit, str]]:
    """The limits whose least is reached by enough events, each in words."""
    return [
        (limit, told(limit, whole, part))
        for limit, (whole, part) in zip(limits, sums, strict=True)
        if limit.least is not None and whole >= max(limit.min_events, 1) and part / whole >= limit.least
    ]


def missed(limits: Sequence[ShareLimit], sums: Counts) -> str | None:
    """Which share is clearly under its least; None = none is."""
    for limit, (whole, part) in zip(limits, sums, strict=True):
        best = 1 - float(wilson_lower(max(whole - part, 0), whole))
        if limit.least is not None and whole >= max(limit.min_events, 1) and best < limit.least:
            return f"{told(limit, whole, part)}, at least {limit.least:.1%} are needed"
    return None


def exceeded(limits: Sequence[ShareLimit], sums: Counts) -> str | None:
    """Which share is clearly over its most; None = none is."""
    for limit, (whole, part) in zip(limits, sums, strict=True):
        worst = float(wilson_lower(min(part, whole), whole))
        if limit.most is not None and whole >= max(limit.min_events, 1) and worst > limit.most:
            return f"{told(limit, whole, part)}, at most {limit.most:.1%} are let pass"
    return None


def _part(rows: pd.DataFrame, limit: ShareLimit) -> pd.DataFrame:
    part = rows[rows["type"].isin(limit.part)]
    if limit.sound is not None:
        right = [flaw_of(said) is None for said in part["attributes"]]
        part = part[pd.Series(right, index=part.index, dtype=bool) == limit.sound]
    if not limit.states:
        return part
    said = [one.get("delivery_state") if isinstance(one, Mapping) else None for one in part["attributes"]]
    return part[pd.Series(said, index=part.index, dtype=object).isin(limit.states)]
