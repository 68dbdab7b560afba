"""Partitions: events of a day need a place before the day begins."""

from datetime import UTC, timedelta
from itertools import count

from spine.health import Reading, Status, well
from spine.severity import Severity
from store.partition import partitions
from tasks.checks import Check, Ports

_DO = "See why the flow `retain` does not run (Prefect UI), and start it there."


def ask(ports: Ports) -> Reading:
    """How many days ahead there is a place for events."""
    today = ports.clock.now().astimezone(UTC).date()
    with ports.database.system() as connection:
        days = set(partitions(connection))
    ahead = next(gap for gap in count() if today + timedelta(days=gap) not in days) - 1
    if today not in days:
        return Reading(
            status=Status.FAIL, said="today has no partition", observed=float(ahead), unit="days",
            means="Events of today are refused, and nothing about them is noticed.", do=_DO,
        )  # fmt: skip
    if ahead < 1:
        return Reading(
            status=Status.WARN, said="tomorrow has no partition", observed=float(ahead), unit="days",
            means="From midnight UTC on events would be refused.", do=_DO,
        )  # fmt: skip
    return well(f"there is room for {ahead} days ahead", float(ahead), "days")


CHECK = Check(
    key="partitions", ask=ask, severity=Severity.CRITICAL,
    means="It is not known whether there is room for tomorrow's events.", do=_DO,
)  # fmt: skip
