"""The outbox: how long messages wait."""

from spine.health import Reading
from spine.severity import Severity
from store.vital import vital_sign
from tasks.checks import Check, Ports


def ask(ports: Ports) -> Reading:
    """As the database tells it (store/vital.py); the gateway reads the same."""
    with ports.database.system() as connection:
        return vital_sign(connection, "outbox", ports.settings, ports.clock.now())


CHECK = Check(
    key="outbox",
    ask=ask,
    severity=Severity.HIGH,
    means="It is not known how this part is.",
    do="See whether the database answers.",
)
