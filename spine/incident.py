"""Incidents: what went wrong, how bad it is, and where it stands."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from spine.errors import Refused
from spine.ids import IncidentId, TenantId, derive
from spine.severity import Severity


class IncidentKind(StrEnum):
    """The eight types of auth incident, and the one of the spine's own."""

    FAILED_LOGINS_SPIKE = "FAILED_LOGINS_SPIKE"
    PASSWORD_RESET_FAILURES = "PASSWORD_RESET_FAILURES"  # noqa: S105 - a name, no password
    OAUTH_CALLBACK_ERRORS = "OAUTH_CALLBACK_ERRORS"
    JWT_VALIDATION_ERRORS = "JWT_VALIDATION_ERRORS"
    TENANT_LEAK_RISK = "TENANT_LEAK_RISK"
    SESSION_ANOMALIES = "SESSION_ANOMALIES"
    SUSPICIOUS_ADMIN_LOGIN = "SUSPICIOUS_ADMIN_LOGIN"
    EMAIL_VERIFICATION_FAILURES = "EMAIL_VERIFICATION_FAILURES"
    SPINE_HEALTH = "SPINE_HEALTH"
    """The spine itself is ill. No detector finds it and no runbook answers it: people are told (spine/illness.py)."""


AUTH_KINDS = tuple(kind for kind in IncidentKind if kind is not IncidentKind.SPINE_HEALTH)
"""What detectors look for, in order."""


class IncidentStatus(StrEnum):
    """Where an incident stands. RESOLVED is the only end."""

    OPEN = "open"
    MONITORING = "monitoring"
    AWAITING_APPROVAL = "awaiting_approval"
    MITIGATING = "mitigating"
    VERIFYING = "verifying"
    MITIGATED = "mitigated"
    ROLLING_BACK = "rolling_back"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


_S = IncidentStatus
TRANSITIONS: dict[IncidentStatus, frozenset[IncidentStatus]] = {
    _S.OPEN: frozenset({_S.MONITORING, _S.AWAITING_APPROVAL, _S.MITIGATING, _S.ESCALATED, _S.RESOLVED}),
    _S.MONITORING: frozenset({_S.OPEN, _S.AWAITING_APPROVAL, _S.MITIGATING, _S.ESCALATED, _S.RESOLVED}),
    _S.AWAITING_APPROVAL: frozenset({_S.MITIGATING, _S.VERIFYING, _S.ROLLING_BACK, _S.ESCALATED, _S.RESOLVED}),
    _S.MITIGATING: frozenset({_S.AWAITING_APPROVAL, _S.VERIFYING, _S.ROLLING_BACK, _S.ESCALATED}),
    _S.VERIFYING: frozenset(
        {_S.AWAITING_APPROVAL, _S.MITIGATING, _S.MITIGATED, _S.ROLLING_BACK, _S.ESCALATED}  # the next rung, or an end
    ),
    _S.MITIGATED: frozenset({_S.OPEN, _S.ROLLING_BACK, _S.ESCALATED, _S.RESOLVED}),  # opened anew by hand
    _S.ROLLING_BACK: frozenset({_S.ESCALATED, _S.RESOLVED}),
    _S.ESCALATED: frozenset({_S.OPEN, _S.ROLLING_BACK, _S.RESOLVED}),  # people take over, and act through the spine
    _S.RESOLVED: frozenset(),
}


def check_transition(old: IncidentStatus, new: IncidentStatus) -> None:
    """Raises Refused when an incident may not go from `old` to `new`."""
    if new not in TRANSITIONS[old]:
        raise Refused("incident.transition", f"an incident that is {old.value} cannot become {new.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One open problem of one kind for one subject of one tenant, as stored."""

    id: IncidentId
    tenant_id: TenantId
    kind: IncidentKind
    subject: str
    """What findings are grouped by: "tenant", "user:<hash>", "provider:<name>" …"""
    status: IncidentStatus
    severity: Severity
    title: str
    first_event_at: datetime
    """When the attack's first event occurred, as far as evidence shows: the start of time to detect."""
    opened_at: datetime
    last_finding_at: datetime
    acknowledged_at: datetime | None = None
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    verify_after: datetime | None = None
    """When the running verification has seen enough, or None."""
    reopens: IncidentId | None = None
    """The resolved incident this one is a recurrence of."""
    suppressed_by: UUID | None = None
    flow_run_id: UUID | None = None
    fence: int = 0
    """Rises each time a run takes the incident; an older run's writes are refused."""
    synthetic: bool = False
    drill_id: str | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    """Merged evidence: addresses, users (hashed), counts, detectors, class of attack."""


def incident_id(tenant: TenantId, kind: IncidentKind, episode: str) -> IncidentId:
    """The stable id of one episode: two schedulers that see the same window derive the same id."""
    return IncidentId(derive("incident", tenant, kind.value, episode))


def told(incident: Incident) -> dict[str, Any]:
    """What the audit trail keeps of an incident: how bad it is, since when, and how many it concerns. Counts alone."""
    summary = incident.summary
    return {
        "status": incident.status.value,
        "severity": incident.severity.label,
        "kind": incident.kind.value,
        "class": summary.get("class"),
        "first_event_at": incident.first_event_at,
        "addresses": summary.get("addresses_total"),
        "users": summary.get("users_total"),
        "compromised": summary.get("compromised_total"),
        "tenants": summary.get("tenants_total"),
        "suppressed_by": str(incident.suppressed_by) if incident.suppressed_by else None,
        "reopens": str(incident.reopens) if incident.reopens else None,
    }
