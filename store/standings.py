"""How each part of the spine is: the table `health_checks`."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from spine.health import Reading, Standing, Status
from spine.severity import Severity


def standings(connection: Connection) -> dict[str, Standing]:
    """The latest standing of every part that was ever looked at, by key."""
    rows = connection.execute(text("select * from health_checks order by key"))
    return {row.key: _standing(row) for row in rows}


def keep(connection: Connection, found: Iterable[Standing]) -> None:
    """Write what was found; a part that two looked at keeps the later look."""
    for one in found:
        reading = one.reading
        connection.execute(_KEEP, {
            "key": one.key, "status": reading.status.value, "said": reading.said, "observed": reading.observed,
            "unit": reading.unit, "means": reading.means, "remedy": reading.do, "severity": int(one.severity),
            "since": one.since, "at": one.at, "in_row": one.in_row, "took": one.took.total_seconds(),
        })  # fmt: skip


def forget_others(connection: Connection, keys: Iterable[str]) -> None:
    """Parts that are not looked at any more (a plug-in was removed) are no longer shown."""
    connection.execute(text("delete from health_checks where key <> all(:keys)"), {"keys": list(keys)})


_KEEP = text("""
    insert into health_checks as c(key, status, said, observed, unit, means, remedy, severity, since, at, in_row,
                                   took_seconds)
    values(:key, :status, :said, :observed, :unit, :means, :remedy, :severity, :since, :at, :in_row, :took)
    on conflict(key) do update set
      status = excluded.status, said = excluded.said, observed = excluded.observed, unit = excluded.unit,
      means = excluded.means, remedy = excluded.remedy, severity = excluded.severity, since = excluded.since,
      at = excluded.at, in_row = excluded.in_row, took_seconds = excluded.took_seconds
    where c.at <= excluded.at
""")


def _standing(row: Row[Any]) -> Standing:
    reading = Reading(
        status=Status(row.status), said=row.said, observed=row.observed, unit=row.unit, means=row.means, do=row.remedy
    )
    return Standing(
        key=row.key, reading=reading, severity=Severity(row.severity), since=row.since, at=row.at, in_row=row.in_row,
        took=timedelta(seconds=row.took_seconds),
    )  # fmt: skip
