"""What every turn of a lease leaves behind, in the transaction of the turn: timeline, outbox, audit."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from spine.audit import AuditAction
from spine.lease import Lease, LeaseState
from spine.notification import Topic
from spine.settings import Settings
from spine.severity import Severity
from spine.span import span
from store import audit, incidents, outbox, routes


def applied(connection: Connection, lease: Lease, *, actor: str, now: datetime, settings: Settings) -> None:
    """The action is in force."""
    _note(connection, lease, "mitigation.applied", f"{_title(lease)} is in force", actor=actor, now=now)
    _tell(connection, lease, Topic.MITIGATION_APPLIED, now=now, settings=settings)
    audit.append(
        connection, lease.tenant_id, AuditAction.ACTION_EXECUTED, actor=actor, at=now, subject=f"lease:{lease.id}",
        incident_id=lease.incident_id, before=lease.pre_image, after=lease.receipt, detail=_detail(lease),
    )  # fmt: skip


def unknown(connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
    """An answer was lost."""
    summary = f"{_title(lease)}: outcome unknown, it will be read back ({lease.error})"
    _note(connection, lease, "mitigation.unknown", summary, actor=actor, now=now)


def tried_on(connection: Connection, lease: Lease, *, now: datetime, settings: Settings) -> None:
    """Containment that may be there in part, and is not known to be: somebody is paged, once a lease."""
    summary = f"{_title(lease)} is not known to be in force, and is tried on until a person ends it: {lease.error}"
    _page(connection, lease, "tried_on", summary, now=now, settings=settings)


def reverted(
    connection: Connection, lease: Lease, drift: str | None, *, actor: str, now: datetime, settings: Settings
) -> None:
    """The action has ended; `drift` tells what people changed by hand meanwhile."""
    late = f", {span(timedelta(seconds=lease.late_seconds))} late" if lease.late_seconds else ""
    edited = f"; the flag was {drift}" if drift else ""
    summary = f"{_title(lease)} has ended ({lease.revert_reason}){late}{edited}"
    _note(connection, lease, "mitigation.reverted", summary, actor=actor, now=now)
    _tell(connection, lease, Topic.MITIGATION_REVERTED, now=now, settings=settings)
    _rollback(connection, lease, "ok", actor=actor, now=now)


def never_applied(connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
    """The action was meant and then given up before it had any effect."""
    summary = f"{_title(lease)} was given up before it began ({lease.revert_reason})"
    _note(connection, lease, "mitigation.dropped", summary, actor=actor, now=now)
    _rollback(connection, lease, "nothing was applied", actor=actor, now=now)


def waits(connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
    """The action was ended while calls for it are being made."""
    summary = f"{_title(lease)} is to end ({lease.revert_reason}): {lease.error}"
    _note(connection, lease, "mitigation.reverting", summary, actor=actor, now=now)


def undone_late(connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
    """Calls were made after nobody waited for them any more, and were undone."""
    summary = f"{_title(lease)}: calls were made after it had ended; what they did was taken back as far as it can be"
    _note(connection, lease, "mitigation.reverted", summary, actor=actor, now=now)
    _rollback(connection, lease, "late calls undone", actor=actor, now=now)


def left_behind(
    connection: Connection, lease: Lease, error: str, *, actor: str, now: datetime, settings: Settings
) -> None:
    """Calls were made after it had ended, and could not be undone: somebody is paged."""
    summary = (
        f"{_title(lease)}: calls were made after it had ended, and could not be undone; undo them by hand: {error}"
    )
    _note(connection, lease, "mitigation.revert_failed", summary[:1000], actor=actor, now=now)
    _rollback(connection, lease, "late calls not undone", actor=actor, now=now)
    _page(connection, lease, "left_behind", summary[:1000], now=now, settings=settings)


def revert_failed(connection: Connection, lease: Lease, *, actor: str, now: datetime, settings: Settings) -> None:
    """The action could not be taken back: somebody is paged, once a lease; it is tried again meanwhile."""
    summary = f"{_title(lease)} could not be taken back, attempt {lease.attempts}: {lease.error}"
    _note(connection, lease, "mitigation.revert_failed", summary, actor=actor, now=now)
    _rollback(connection, lease, "failed", actor=actor, now=now)
    _page(connection, lease, "revert_failed", summary, now=now, settings=settings)


def contained(connection: Connection, lease: Lease, *, actor: str, now: datetime, settings: Settings) -> None:
    """The containment stays although its time is over: somebody is paged, each time anew."""
    assert lease.expires_at is not None
    known = lease.state in (LeaseState.ACTIVE, LeaseState.VERIFIED)
    stays = "stays in force" if known else "is not known to be in force, and goes on being made,"
    summary = f"{_title(lease)} {stays} until a person ends it; next page at {lease.expires_at:%H:%M} UTC"
    _note(connection, lease, "mitigation.extended", summary, actor=actor, now=now)
    _page(connection, lease, f"contained:{lease.expires_at:%Y%m%d%H%M%S}", summary, now=now, settings=settings)


def relapsed(
    connection: Connection, lease: Lease, told: str, *, again: bool, actor: str, now: datetime, settings: Settings
) -> None:
    """Those who were let go first fare badly: somebody is paged, once for each end of the lease."""
    assert lease.expires_at is not None
    until = f"{lease.expires_at:%H:%M} UTC"
    then = f"everybody is held again until {until}" if again else f"it may last no longer, and ends at {until}"
    summary = f"{_title(lease)} is not over: {told}; {then}"
    why = f"relapsed:{lease.expires_at:%Y%m%d%H%M%S}"
    if again:
        _note(connection, lease, "mitigation.extended", summary, actor=actor, now=now)
    _page(connection, lease, why, summary, now=now, settings=settings)


def _note(connection: Connection, lease: Lease, kind: str, summary: str, *, actor: str, now: datetime) -> None:
    incident = incidents.get(connection, lease.incident_id)
    incidents.append_timeline(connection, incident, now, kind, actor, summary, _detail(lease))


def _page(connection: Connection, lease: Lease, why: str, reason: str, *, now: datetime, settings: Settings) -> None:
    """Somebody is paged, once for each `why` of the lease; nobody of a drill's."""
    if lease.shadow:
        return
    incident, topic = incidents.get(connection, lease.incident_id), Topic.INCIDENT_ESCALATED
    outbox.put(
        connection, lease.tenant_id, topic,
        {"incident": str(lease.incident_id), "lease": str(lease.id), "reason": reason},
        severity=Severity.CRITICAL, incident_id=lease.incident_id, dedupe=f"{lease.id}:{why}", now=now,
        channels=routes.destinations(connection, incident, topic, settings.notify, now=now, severity=Severity.CRITICAL),
    )  # fmt: skip


def _tell(connection: Connection, lease: Lease, topic: Topic, *, now: datetime, settings: Settings) -> None:
    if lease.shadow:
        return
    incident = incidents.get(connection, lease.incident_id)
    outbox.put(
        connection, lease.tenant_id, topic,
        {"incident": str(lease.incident_id), "lease": str(lease.id), "action": lease.action_key},
        severity=incident.severity, incident_id=lease.incident_id, dedupe=f"{lease.id}:{topic.value}", now=now,
        channels=routes.destinations(connection, incident, topic, settings.notify, now=now),
    )  # fmt: skip


def _rollback(connection: Connection, lease: Lease, outcome: str, *, actor: str, now: datetime) -> None:
    audit.append(
        connection, lease.tenant_id, AuditAction.ROLLBACK_EXECUTED, actor=actor, at=now, subject=f"lease:{lease.id}",
        incident_id=lease.incident_id, before=lease.receipt, after=lease.pre_image, outcome=outcome,
        detail=_detail(lease),
    )  # fmt: skip


def _title(lease: Lease) -> str:
    on = f" on {', '.join(lease.targets[:3])}" if lease.targets else ""
    more = f" and {len(lease.targets) - 3} more" if len(lease.targets) > 3 else ""
    return f"{lease.action_key}{on}{more}"


def _detail(lease: Lease) -> dict[str, Any]:
    return {
        "lease": str(lease.id), "action": lease.action_key, "params": lease.params, "targets": list(lease.targets),
        "state": lease.state.value, "expires_at": lease.expires_at.isoformat() if lease.expires_at else None,
        "late_seconds": lease.late_seconds, "reason": lease.revert_reason, "error": lease.error,
        "attempts": lease.attempts, "receipt": lease.receipt,
    }  # fmt: skip
