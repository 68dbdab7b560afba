"""Alerts of an Alertmanager become incidents, or part of one; when the last one is resolved, so may the incident be.

Everything of one request is one transaction: sent again, by this Alertmanager or its twin, it changes nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from spine.alert import DETECTOR, Alert, finding_of, kind_of, subject_of
from spine.audit import AuditAction
from spine.detect.episode import UNATTENDED, Cause
from spine.ids import TenantId
from spine.incident import Incident, IncidentStatus
from spine.notification import Topic
from spine.settings import Settings
from store import audit, incidents, outbox, routes
from store.incident_rows import live_of, update

_NOTE = "alert"


@dataclass(slots=True)
class Heard:
    """What became of one request's alerts, each by its fingerprint."""

    opened: dict[str, UUID] = field(default_factory=dict)
    """Those that opened an incident."""
    joined: dict[str, UUID] = field(default_factory=dict)
    """Those that became part of one."""
    closed: dict[str, UUID] = field(default_factory=dict)
    """Those whose end ended their incident."""
    noted: dict[str, UUID] = field(default_factory=dict)
    """Those whose end is noted: the incident has other reasons to live."""
    duplicate: list[str] = field(default_factory=list)
    ignored: dict[str, str] = field(default_factory=dict)
    """Those that are no incident, and why."""


def hear(
    connection: Connection, tenant: TenantId, alerts: Sequence[Alert], settings: Settings, *, actor: str, now: datetime
) -> Heard:
    """Take in the alerts of one request, in the order in which they were sent. As the system role."""
    heard = Heard()
    for alert in alerts:
        if not _first_time(connection, tenant, alert, now):
            heard.duplicate.append(alert.fingerprint)
        elif alert.firing:
            _fires(connection, tenant, alert, settings, heard, actor, now)
        else:
            _ends(connection, tenant, alert, settings, heard, actor, now)
    return heard


def _first_time(connection: Connection, tenant: TenantId, alert: Alert, now: datetime) -> bool:
    done = connection.execute(
        text(
            "insert into alerts(tenant_id, fingerprint, starts_at, status, received_at, labels)"
            " values(:t, :f, :starts, :status, :now, cast(:labels as jsonb)) on conflict do nothing"
        ),
        {**_key(tenant, alert), "now": now, "labels": json.dumps(alert.kept_labels())},
    )
    return done.rowcount == 1


def _fires(
    connection: Connection, tenant: TenantId, alert: Alert, settings: Settings, heard: Heard, actor: str, now: datetime
) -> None:
    kind = kind_of(alert, settings.alertmanager)
    if kind is None:
        label = settings.alertmanager.kind_label
        heard.ignored[alert.fingerprint] = f"its label {label!r} names no type of incident; set it in the alert's rule"
        return
    finding = finding_of(alert, tenant, kind, settings.alertmanager, now)
    done = incidents.record(connection, [finding], now, detect=settings.detect, notify=settings.notify)
    if not done:
        heard.ignored[alert.fingerprint] = "it tells of what a resolved incident was about already"
        return
    incident = done[0].incident
    if done[0].opened:
        incident = update(connection, incident.id, title=f"{kind.value}: {alert.name}")
    connection.execute(
        text(
            "update alerts set incident_id = :incident where tenant_id = :t and fingerprint = :f"
            " and starts_at = :starts and status = :status"
        ),
        {**_key(tenant, alert), "incident": incident.id},
    )
    incidents.append_timeline(
        connection, incident, now, _NOTE, actor, f"{alert.name} fires since {alert.starts_at:%H:%M:%S} UTC",
        {"fingerprint": alert.fingerprint},
    )  # fmt: skip
    (heard.opened if done[0].opened else heard.joined)[alert.fingerprint] = incident.id


def _ends(
    connection: Connection, tenant: TenantId, alert: Alert, settings: Settings, heard: Heard, actor: str, now: datetime
) -> None:
    incident = _incident_of(connection, tenant, alert, settings)
    if incident is None:
        heard.ignored[alert.fingerprint] = "no incident is open for it"
        return
    others = firing(connection, incident.id, without=alert)
    incidents.append_timeline(
        connection, incident, now, _NOTE, actor, f"{alert.name} is resolved; {others} more alerts fire",
        {"fingerprint": alert.fingerprint},
    )  # fmt: skip
    alone = set(incident.summary.get("detectors", {})) == {DETECTOR}
    if others or not alone or incident.status not in UNATTENDED:
        heard.noted[alert.fingerprint] = incident.id
        return
    _close(connection, incident, settings, actor, now)
    heard.closed[alert.fingerprint] = incident.id


def firing(connection: Connection, incident: UUID, *, without: Alert | None = None) -> int:
    """How many alerts of an incident have fired and were not resolved."""
    return int(
        connection.execute(
            text(
                "select count(*) from alerts a where a.incident_id = :id and a.status = 'firing'"
                " and a.fingerprint <> :f and not exists(select from alerts r where r.tenant_id = a.tenant_id"
                " and r.fingerprint = a.fingerprint and r.starts_at = a.starts_at and r.status = 'resolved')"
            ),
            {"id": incident, "f": without.fingerprint if without else ""},
        ).scalar_one()
    )


def _incident_of(connection: Connection, tenant: TenantId, alert: Alert, settings: Settings) -> Incident | None:
    """The live incident an alert that ends belongs to, locked."""
    known = connection.execute(
        text(
            "select incident_id from alerts where tenant_id = :t and fingerprint = :f and starts_at = :starts"
            " and status = 'firing' and incident_id is not null"
        ),
        {"t": tenant, "f": alert.fingerprint, "starts": alert.starts_at},
    ).scalar_one_or_none()
    if known is not None:
        found = incidents.get(connection, known, lock=True)
        return found if found.status is not IncidentStatus.RESOLVED else None
    kind = kind_of(alert, settings.alertmanager)
    return live_of(connection, Cause(tenant, kind, subject_of(alert, settings.alertmanager))) if kind else None


def _close(connection: Connection, incident: Incident, settings: Settings, actor: str, now: datetime) -> None:
    told = "Over: every alert it rests on is resolved"
    done = incidents.transition(
        connection, incident.id, IncidentStatus.RESOLVED, at=now, actor=actor, summary=told
    )  # fmt: skip
    topic = Topic.INCIDENT_RESOLVED
    if not done.suppressed_by:
        outbox.put(
            connection, done.tenant_id, topic, {"incident": str(done.id)}, severity=done.severity,
            incident_id=done.id, dedupe=f"resolved:{done.id}", now=now,
            channels=routes.destinations(connection, done, topic, settings.notify, now=now),
        )  # fmt: skip
    audit.append(
        connection, done.tenant_id, AuditAction.INCIDENT_CLOSED, actor=actor, at=now, subject=f"incident:{done.id}",
        incident_id=done.id, detail={"because": told},
    )  # fmt: skip


def _key(tenant: TenantId, alert: Alert) -> dict[str, object]:
    status = "firing" if alert.firing else "resolved"
    return {"t": tenant, "f": alert.fingerprint, "starts": alert.starts_at, "status": status}
