"""Health: how a part is and has been, and checks from plain callables, none of which can hang or raise."""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from spine.redact import redact_text
from spine.severity import Severity

Check = Callable[[], object]
"""Returns None or True (well), False (not well), text (well, and this is why), or a Status; or raises."""


class Status(StrEnum):
    """How a component is. Source: draft-inadarei-api-health-check."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    """It works, with loss of comfort."""
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one look at one part found."""

    status: Status
    said: str
    """What is seen, in a sentence."""
    observed: float | None = None
    """The number behind it, in `unit`."""
    unit: str = ""
    means: str = ""
    """What it costs; empty when all is well."""
    do: str = ""
    """What a person does about it."""


def well(said: str, observed: float | None = None, unit: str = "") -> Reading:
    """Nothing to do."""
    return Reading(status=Status.PASS, said=said, observed=observed, unit=unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one part is, and for how long it has been so."""

    key: str
    reading: Reading
    severity: Severity
    """Of an incident this part is the cause of."""
    since: datetime
    """From when on it has had this status."""
    at: datetime
    """When it was looked at last."""
    in_row: int
    """Looks with this status, one after the other."""
    took: timedelta

    @property
    def status(self) -> Status:
        """The latest look's."""
        return self.reading.status


def standing(
    key: str, reading: Reading, *, severity: Severity, at: datetime, took: timedelta, before: Standing | None
) -> Standing:
    """How a part stands after a look at it, and `before` it."""
    same = before if before is not None and before.status is reading.status else None
    return Standing(
        key=key, reading=reading, severity=severity, at=at, took=took,
        since=same.since if same else at, in_row=same.in_row + 1 if same else 1,
    )  # fmt: skip


def worst(statuses: Iterable[Status]) -> Status:
    """The whole is as well as its worst part; PASS without any."""
    order = (Status.FAIL, Status.WARN, Status.PASS)
    return min(statuses, key=order.index, default=Status.PASS)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check said."""

    name: str
    status: Status
    output: str
    took: timedelta


@dataclass(frozen=True, slots=True)
class Health:
    """All checks; the whole is as well as its worst part."""

    checks: tuple[CheckResult, ...]

    @property
    def status(self) -> Status:
        """PASS without any checks."""
        return worst(c.status for c in self.checks)


def run_checks(
    checks: Mapping[str, Check],
    *,
    timeout: timedelta = timedelta(seconds=2),
    comfort: Collection[str] = (),
) -> Health:
    """Ask every check; what takes longer than `timeout` has failed.

    Args:
        comfort: names of checks whose failure is only a warning, for instance "slack".
    """
    results: dict[str, CheckResult] = {}
    threads = [
        threading.Thread(target=_ask, args=(name, check, results), name=f"health {name}", daemon=True)
        for name, check in checks.items()
    ]
    deadline = time.monotonic() + timeout.total_seconds()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = f"no answer within {timeout.total_seconds():g} s"
    answers = [
        results.get(name) or CheckResult(name=name, status=Status.FAIL, output=late, took=timeout) for name in checks
    ]
    return Health(tuple(_softened(a) if a.name in comfort else a for a in answers))


def _ask(name: str, check: Check, results: dict[str, CheckResult]) -> None:
    began = time.monotonic()
    try:
        status, output = _meaning(check())
    except Exception as error:  # a check that raises has answered, too
        status, output = Status.FAIL, f"{type(error).__name__}: {redact_text(str(error))[:300]}"
    took = timedelta(seconds=time.monotonic() - began)
    results[name] = CheckResult(name=name, status=status, output=output, took=took)


def _meaning(answer: object) -> tuple[Status, str]:
    if isinstance(answer, Status):
        return answer, ""
    if isinstance(answer, str):
        return Status.PASS, redact_text(answer)
    if answer is None or answer is True:
        return Status.PASS, ""
    return Status.FAIL, f"answered {answer!r}"[:300]


def _softened(result: CheckResult) -> CheckResult:
    if result.status is not Status.FAIL:
        return result
    return CheckResult(name=result.name, status=Status.WARN, output=result.output, took=result.took)
