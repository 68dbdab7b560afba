"""Leases: what should have ended has ended. A mitigation that outlives its end hurts people who do no wrong."""

from datetime import timedelta

from sqlalchemy import text

from spine.health import Reading, Status, well
from store.leases import OPEN
from tasks.checks import Check, Ports

_DO = "`opsspine leases list` shows them; `opsspine leases revert <id>` takes one back now."


def ask(ports: Ports) -> Reading:
    """Leases in force long after their end, and those that could not be taken back."""
    late = ports.clock.now() - timedelta(seconds=ports.settings.health.lease_grace_seconds)
    with ports.database.system() as connection:
        row = connection.execute(_STRANDED, {"late": late}).one()
    if row.overdue or row.stuck:
        said = f"{row.overdue} are in force after their end, {row.stuck} could not be taken back"
        return Reading(
            status=Status.FAIL, said=said, observed=float(row.overdue + row.stuck), unit="leases",
            means="People are still held back by a mitigation that should be over.", do=_DO,
        )  # fmt: skip
    if row.unknown:
        return Reading(
            status=Status.WARN, said=f"of {row.unknown} it is not known whether they took effect",
            observed=float(row.unknown), unit="leases", means="What was to be done may not be in force.", do=_DO,
        )  # fmt: skip
    return well(f"{row.live} in force, none beyond its end", 0.0, "leases")


_STRANDED = text(f"""
    select count(*) filter (where state in ('active', 'verified')) as live,
           count(*) filter (where state in ('active', 'verified', 'reverting') and expires_at < :late) as overdue,
           count(*) filter (where state = 'revert_failed' and expires_at < :late) as stuck,
           count(*) filter (where state = 'unknown' and created_at < :late) as unknown
    from leases where {OPEN} and not shadow
""")  # noqa: S608 - a constant

CHECK = Check(key="leases", ask=ask, means="It is not known whether a mitigation outlives its end.", do=_DO)
