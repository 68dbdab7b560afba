"""When the spine itself is an incident: opened by parts that stay bad, ended when all have stayed well."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from spine.health import Standing, Status
from spine.settings.health import HealthSettings
from spine.severity import Severity

SUBJECT = "spine"
"""What an incident of the spine's own is about; there is one at a time."""


def ill(standings: Iterable[Standing], rules: HealthSettings) -> list[Standing]:
    """The parts that have failed so often in a row that somebody must look, the gravest first."""
    found = [one for one in standings if one.status is Status.FAIL and one.in_row >= rules.bad_in_row]
    return sorted(found, key=lambda one: (-one.severity, one.since, one.key))


def recovered(standings: Iterable[Standing], named: Collection[str], rules: HealthSettings) -> bool:
    """True when no part fails, and those `named` as the cause have not failed for the last few looks."""
    return all(
        one.status is not Status.FAIL and (one.key not in named or one.in_row >= rules.good_in_row) for one in standings
    )


def severity_of(parts: Sequence[Standing]) -> Severity:
    """That of the gravest part."""
    return max((one.severity for one in parts), default=Severity.HIGH)


def title_of(parts: Sequence[Standing]) -> str:
    """The incident in a line."""
    named = "; ".join(f"{one.key}: {one.reading.said}" for one in parts[:3])
    more = f" and {len(parts) - 3} more" if len(parts) > 3 else ""
    return f"The spine is ill: {named}{more}"


def summary_of(parts: Sequence[Standing]) -> dict[str, Any]:
    """What is kept with the incident: of each bad part what is seen, what it means and what to do."""
    return {
        "ill": [
            {"part": one.key, "said": one.reading.said, "means": one.reading.means, "do": one.reading.do}
            for one in parts
        ]
    }
