"""The spine's own incident: opened, kept up to date and ended, each with timeline, audit entry and message."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.health import Standing
from spine.ids import NO_TENANT
from spine.illness import SUBJECT, ill, recovered, severity_of, summary_of, title_of
from spine.incident import Incident, IncidentKind, IncidentStatus, incident_id
from spine.notification import Topic
from spine.settings import Settings
from spine.suppression import suppressor
from store import audit, outbox, routes, suppressions
from store.incident_rows import append_timeline, insert, list_live, transition, update

ACTOR = "health"
_KIND = IncidentKind.SPINE_HEALTH
_LOCK = 0x696C6C
"""Advisory lock: one judge at a time."""


def judge(
    connection: Connection, standings: Collection[Standing], settings: Settings, now: datetime
) -> Incident | None:
    """Open, update or end the spine's own incident; returns the live one, if there is one now.

    A suppression of the single tenant `_` that covers SPINE_HEALTH (maintenance of the spine) keeps one from opening.
    """
    connection.execute(text("select pg_advisory_xact_lock(:k)"), {"k": _LOCK})
    live = next((one for one in list_live(connection) if one.kind is _KIND), None)
    bad = ill(standings, settings.health)
    if live is None:
        return _open(connection, bad, settings, now) if bad and not _announced(connection, now) else None
    named = {str(part["part"]) for part in live.summary.get("ill", [])}
    if recovered(standings, named, settings.health):
        _end(connection, live, settings, now)
        return None
    return _grow(connection, live, named, bad, settings, now)


def _announced(connection: Connection, now: datetime) -> bool:
    windows = [one for one in suppressions.running(connection, now) if one.tenant_id == NO_TENANT]
    return suppressor(windows, _KIND, now, frozenset()) is not None


def _open(connection: Connection, bad: list[Standing], settings: Settings, now: datetime) -> Incident | None:
    first = min(one.since for one in bad)
    incident = Incident(
        id=incident_id(NO_TENANT, _KIND, now.isoformat()), tenant_id=NO_TENANT, kind=_KIND, subject=SUBJECT,
        status=IncidentStatus.OPEN, severity=severity_of(bad), title=title_of(bad), first_event_at=first,
        opened_at=now, last_finding_at=now, summary=summary_of(bad),
    )  # fmt: skip
    if not insert(connection, incident):
        return None
    append_timeline(connection, incident, now, "opened", ACTOR, _told(bad), incident.summary)
    _tell(connection, incident, AuditAction.INCIDENT_OPENED, Topic.INCIDENT_OPENED, settings, now)
    return incident


def _grow(
    connection: Connection, live: Incident, named: set[str], bad: list[Standing], settings: Settings, now: datetime
) -> Incident:
    """Note parts that fail now and did not before; a graver one is told."""
    fresh = [one for one in bad if one.key not in named]
    if not fresh:
        return update(connection, live.id, last_finding_at=now) if bad else live
    severity = max(live.severity, severity_of(fresh))
    kept = {"ill": [*live.summary.get("ill", []), *summary_of(fresh)["ill"]]}
    grown = update(
        connection, live.id, summary={**live.summary, **kept}, severity=severity.value, title=title_of(bad),
        last_finding_at=now,
    )  # fmt: skip
    append_timeline(connection, grown, now, "finding", ACTOR, _told(fresh), summary_of(fresh))
    if severity > live.severity:
        _tell(connection, grown, AuditAction.INCIDENT_UPDATED, Topic.INCIDENT_UPDATED, settings, now)
    return grown


def _end(connection: Connection, live: Incident, settings: Settings, now: datetime) -> None:
    told = "Over: every part that failed has been well for several looks in a row"
    done = transition(connection, live.id, IncidentStatus.RESOLVED, at=now, actor=ACTOR, summary=told)
    _tell(connection, done, AuditAction.INCIDENT_CLOSED, Topic.INCIDENT_RESOLVED, settings, now)


def _told(parts: list[Standing]) -> str:
    return "; ".join(f"{one.key} fails: {one.reading.said}" for one in parts)


def _tell(
    connection: Connection, incident: Incident, action: AuditAction, topic: Topic, settings: Settings, now: datetime
) -> None:
    outbox.put(
        connection, incident.tenant_id, topic, {"incident": str(incident.id)}, severity=incident.severity,
        incident_id=incident.id, now=now, dedupe=f"{topic.value}:{incident.id}:{incident.severity.value}",
        channels=routes.destinations(connection, incident, topic, settings.notify, now=now),
    )  # fmt: skip
    audit.append(
        connection, incident.tenant_id, action, actor=ACTOR, at=now, subject=f"incident:{incident.id}",
        incident_id=incident.id, after={"status": incident.status.value, "severity": incident.severity.label},
        detail={"ill": [part["part"] for part in incident.summary["ill"]]},
    )  # fmt: skip
