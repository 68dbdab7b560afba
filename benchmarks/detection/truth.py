"""What really happened in a world: incidents for the scorer, and benign episodes for whoever asks why."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.detection.batch import NONE, Batch

ORIGIN = pd.Timestamp("2026-01-05T00:00:00Z")
"""Second 0 of every world; a Monday."""
TYPES = (
    "FAILED_LOGINS_SPIKE", "PASSWORD_RESET_FAILURES", "OAUTH_CALLBACK_ERRORS", "JWT_VALIDATION_ERRORS",
    "TENANT_LEAK_RISK", "SESSION_ANOMALIES", "SUSPICIOUS_ADMIN_LOGIN", "EMAIL_VERIFICATION_FAILURES",
)  # fmt: skip
_LEAST_EVENTS = {"TENANT_LEAK_RISK": 3, "SESSION_ANOMALIES": 1, "SUSPICIOUS_ADMIN_LOGIN": 1}
"""An incident with fewer events of its own (others: 6) can be seen by nobody and is not scored."""
EVERYBODY = -1


@dataclass(slots=True)
class Incident:
    """One real incident; times in seconds since ORIGIN."""

    id: int
    type: str
    subtype: str
    tenant: int
    """EVERYBODY: a common cause, felt by the tenants in `affected`."""
    start: float
    end: float
    affected: list[int] = field(default_factory=list)
    user: int | None = None
    """The one user it is about, if it is about one."""
    events: int = 0
    observable: bool = False

    def as_json(self) -> dict[str, Any]:
        """The form of truth.json: `user` only where there is one."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Episode:
    """Something benign that looks like an incident: which look-alike, whose, when."""

    name: str
    tenant: int
    start: float
    end: float


def count_events(incidents: list[Incident], events: Batch) -> None:
    """Note how many events each incident left, and whether that is enough to be seen."""
    own = np.bincount(events.incident[events.incident != NONE], minlength=len(incidents))
    for incident in incidents:
        incident.events = int(own[incident.id])
        incident.observable = incident.events >= _LEAST_EVENTS.get(incident.type, 6)


def write_truth(
    folder: Path, incidents: list[Incident], episodes: list[Episode], *, tenants: int, days: int, warm_days: int
) -> None:
    """Write truth.json. The scorer reads all but `benign`, which tells what a false alert fell for."""
    document = {
        "origin": ORIGIN.isoformat(), "tenants": tenants, "days": days, "warm_days": warm_days,
        "incidents": [incident.as_json() for incident in incidents],
        "benign": [asdict(episode) for episode in sorted(episodes, key=lambda e: (e.start, e.tenant))],
    }  # fmt: skip
    (folder / "truth.json").write_text(json.dumps(document))
