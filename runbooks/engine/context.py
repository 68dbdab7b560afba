"""What the steps of one run share."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

from spine.ids import IncidentId
from spine.incident import Incident
from spine.runbook import Runbook
from spine.settings import Settings
from store import incidents
from store.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One run of a runbook on one incident."""

    database: Database
    settings: Settings
    runbook: Runbook
    incident_id: IncidentId
    fence: int
    """The run's token: once a newer run has taken the incident, everything this one writes is refused."""

    def now(self) -> datetime:
        """The current time, aware, UTC."""
        return datetime.now(UTC)

    def incident(self) -> Incident:
        """The incident as it is now."""
        with self.database.system() as connection:
            return incidents.get(connection, self.incident_id)


CURRENT: ContextVar[RunContext] = ContextVar("CURRENT")
"""The run this code executes in. Subflows and tasks read it, so that Prefect stores no clients, only ids."""
