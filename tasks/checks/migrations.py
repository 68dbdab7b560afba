"""Migrations: the schema is the one this code needs."""

from spine.health import Reading
from spine.severity import Severity
from store.vital import schema
from tasks.checks import Check, Ports


def ask(ports: Ports) -> Reading:
    """Compare revisions."""
    return schema(ports.database)


CHECK = Check(
    key="migrations", ask=ask, severity=Severity.CRITICAL,
    means="This version cannot work with the data as it is.", do="Run `opsspine up` with this version.",
)  # fmt: skip
