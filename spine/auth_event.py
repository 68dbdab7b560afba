"""What an application tells of itself at one moment: the numbers it sees, and what it takes them for."""

from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field

from spine.ids import NO_TENANT
from spine.incident import IncidentKind
from spine.severity import Severity


class FlagNow(BaseModel):
    """A flag's base as the caller knows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: int = Field(ge=1)
    value: Any


class MetricsSnapshot(BaseModel):
    """What the application measured. Names it has beyond these are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    events: tuple[Mapping[str, Any], ...] | None = Field(
        default=None, validation_alias=AliasChoices("events", "logins")
    )
    """The last hour's events of the incident's kind (logins, resets, callbacks …), as for `POST /api/ops/events`.
    Without them no blast radius can be estimated, and every step that needs one is denied."""
    known_users: frozenset[str] | None = None
    """Those of their users who had a success within 30 days before."""
    known_addresses: frozenset[str] | None = None
    """Those of their addresses where people lived before: most users who tried from there had got in."""
    failures_15m: int = Field(default=0, ge=0)
    """Used where there are no `events`; likewise the next two."""
    successes_15m: int = Field(default=0, ge=0)
    users_15m: int = Field(default=0, ge=0)
    usual_failures_per_hour: float | None = Field(default=None, ge=0)
    usual_success_rate: float | None = Field(default=None, ge=0, le=1)
    flags: Mapping[str, FlagNow] = {}


class OpsAuthEvent(BaseModel):
    """What somebody saw, and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: str = Field(min_length=1, max_length=200)
    occurred_at: AwareDatetime
    tenant: str = NO_TENANT
    incident_type: IncidentKind | None = None
    severity_guess: Severity | None = None
    """A guess may raise the severity, never lower it."""
    metrics_snapshot: MetricsSnapshot = MetricsSnapshot()
