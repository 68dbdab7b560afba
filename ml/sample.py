"""Examples: what was known when an incident opened, and what it turned out to be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from ml.feature import frame
from spine.errors import Refused
from spine.outcome import CAUSES, Outcome
from spine.severity import Severity

GRADE = "grade"
REAL = "real"
CAUSE = "cause"
WORST = "worst"
WORLD = "world"
DAY = "day"
HISTORY = "history"
"""The world of incidents of this installation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One example."""

    world: str
    """Where it is from: a simulated world, or HISTORY for incidents of this installation."""
    opened_at: datetime
    snapshot: Mapping[str, Any]
    """What was known at its opening, as `incident_openings` keeps it."""
    outcome: Outcome
    cause: str
    grade: int
    """How far up it belonged: 0 (nothing) to 3 (to be seen first)."""
    worst: Severity
    """How bad it got."""


def of_line(line: Mapping[str, Any]) -> Sample:
    """A line of `python -m benchmarks.ranking samples`.

    Raises:
        Refused: it is none.
    """
    try:
        cause = str(line["cause"])
        return Sample(
            world=str(line["world"]), opened_at=datetime.fromisoformat(line["opened_at"]),
            snapshot=dict(line["snapshot"]), outcome=Outcome(line["outcome"]), cause=cause if cause in CAUSES else "",
            grade=min(max(int(line["grade"]), 0), 3), worst=Severity(int(line["worst"])),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused(
            "sample.malformed",
            f"A line is no example ({type(error).__name__}: {str(error)[:120]}). Nothing was learnt from the file; "
            "`python -m benchmarks.ranking samples` makes one.",
        ) from error


def of_history(row: Mapping[str, Any]) -> Sample:
    """An ended incident of this installation that somebody labelled (store/outcomes.py)."""
    outcome, worst = Outcome(row["outcome"]), Severity(row["worst"])
    grade = {Outcome.FALSE_ALARM: 0, Outcome.BENIGN: 0, Outcome.REAL: 3 if worst >= Severity.HIGH else 2}[outcome]
    return Sample(
        world=HISTORY, opened_at=row["opened_at"], snapshot=row["snapshot"], outcome=outcome, cause=row["cause"],
        grade=grade, worst=worst,
    )  # fmt: skip


def table(samples: Sequence[Sample]) -> pd.DataFrame:
    """The features of `samples` and beside them what they turned out to be, one row each, in order."""
    found = frame([sample.snapshot for sample in samples])
    found[GRADE] = [sample.grade for sample in samples]
    found[REAL] = [int(sample.outcome is Outcome.REAL) for sample in samples]
    found[CAUSE] = [sample.cause or "other" for sample in samples]
    found[WORST] = [int(sample.worst) for sample in samples]
    found[WORLD] = [sample.world for sample in samples]
    found[DAY] = queues(samples)
    return found


def queues(samples: Iterable[Sample]) -> list[str]:
    """The queue each sample stood in: what one world opened on one day is looked at together."""
    return [f"{sample.world} {sample.opened_at:%Y-%m-%d}" for sample in samples]
