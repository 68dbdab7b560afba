"""Disk: room where the data folder is. PostgreSQL stops writing when there is none."""

import shutil

from spine.health import Reading, Status, well
from spine.severity import Severity
from tasks.checks import Check, Ports

_MEANS = "When nothing is left the database stops taking events."
_DO = "Make room, or keep events for fewer days: OPSSPINE_RETENTION__EVENT_DAYS."


def ask(ports: Ports) -> Reading:
    """How much is free, in per cent and in GiB."""
    rules, usage = ports.settings.health, shutil.disk_usage(ports.settings.data_dir)
    free = 100 * usage.free / usage.total
    said = f"{free:.0f} % free ({usage.free / 2**30:.1f} GiB)"
    if free > rules.disk_warn_percent:
        return well(said, round(free, 1), "%")
    status = Status.FAIL if free <= rules.disk_fail_percent else Status.WARN
    return Reading(status=status, said=said, observed=round(free, 1), unit="%", means=_MEANS, do=_DO)


CHECK = Check(
    key="disk", ask=ask, severity=Severity.CRITICAL, means="It is not known how much room is left.",
    do="See whether the data folder exists and can be read.",
)  # fmt: skip
