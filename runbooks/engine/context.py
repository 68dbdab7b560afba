"""What the steps of one run share."""

from dataclasses import dataclass
from datetime import UTC, datetime

from spine.ids import IncidentId
from spine.settings import Settings
from store.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One run of a runbook on one incident."""

    database: Database
    settings: Settings
    incident_id: IncidentId
    fence: int
    """The run's token: once a newer run has taken the incident, everything this one writes is refused."""

    def now(self) -> datetime:
        """The current time, aware, UTC."""
        return datetime.now(UTC)
