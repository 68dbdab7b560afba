"""The database: how fast it answers, and how many connections are left."""

import time

from sqlalchemy import text

from spine.health import Reading, Status, well
from spine.severity import Severity
from tasks.checks import Check, Ports

_ALMOST_ALL = 0.9
_MEANS = "Everything is slower: detection, decisions and messages."


def ask(ports: Ports) -> Reading:
    """One small question, its time taken."""
    with ports.database.system() as connection:
        began = time.perf_counter()
        used, most = connection.execute(_CONNECTIONS).one()
        took = time.perf_counter() - began
    if used >= _ALMOST_ALL * most:
        return Reading(
            status=Status.WARN, said=f"{used} of {most} connections are used", observed=float(used), unit="connections",
            means="When none is left, requests and runs fail.", do="Raise max_connections, or find who holds them.",
        )  # fmt: skip
    slow = ports.settings.health.database_warn_seconds
    if took > slow:
        said = f"a small question took {took:.2f} s, more than {slow:g} s"
        return Reading(
            status=Status.WARN, said=said, observed=took, unit="s", means=_MEANS,
            do="Look at the database's load: CPU, disk, and long transactions (pg_stat_activity).",
        )  # fmt: skip
    return well(f"answers, {used} of {most} connections used", took, "s")


_CONNECTIONS = text(
    "select (select count(*) from pg_stat_activity where backend_type = 'client backend'),"
    " current_setting('max_connections')::int"
)

CHECK = Check(
    key="database", ask=ask, severity=Severity.CRITICAL,
    means="Nothing is detected, decided or told; applications keep the flags they have.",
    do="Start the database, or mend DATABASE_URL.",
)  # fmt: skip
