"""Incidents: the one way from findings to incidents, and everything else that touches them.

Every change is written with its timeline, its audit entry and its notification, in the caller's transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from spine.detect.episode import (
    UNATTENDED,
    Cause,
    causes,
    gathered,
    over,
    quiet_end,
)
from spine.detect.subject import is_everybody
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import AUTH_KINDS, Incident
from spine.settings import DetectSettings, NotifySettings
from store import suppressions
from store.evidence import add_evidence, digest, evidence, evidence_rows
from store.incident_rows import (
    append_timeline,
    get,
    list_live,
    list_recent,
    lock_live,
    take,
    timeline,
    transition,
)
from store.recorder import Opening, Recorder

__all__ = [
    "Opening", "add_evidence", "append_timeline", "by_cause", "digest", "evidence", "evidence_rows", "get", "list_live",
    "list_recent", "record", "record_causes", "restore", "settle", "take", "timeline", "transition",
]  # fmt: skip


def record(
    connection: Connection,
    findings: Sequence[Finding],
    now: datetime,
    *,
    detect: DetectSettings,
    notify: NotifySettings,
) -> list[Opening]:
    """Turn findings into incidents: one per cause, live ones grow, ended ones get a linked successor.

    What many tenants suffer from is one incident of no tenant, and theirs are part of it.

    Safe against itself: two schedulers that record the same window, at once or one after the other, make one
    incident, one audit entry and one message.
    """
    return record_causes(connection, by_cause(connection, findings), now, detect=detect, notify=notify)


def by_cause(connection: Connection, findings: Sequence[Finding]) -> dict[Cause, list[Finding]]:
    """`findings` by the incident that each belongs to, tenants in order; a part of it can be recorded by itself."""
    lives = list_live(connection) if findings else []
    return causes(gathered(findings, {(i.tenant_id, i.kind, i.subject) for i in lives if not i.synthetic}))


def record_causes(
    connection: Connection,
    groups: Mapping[Cause, list[Finding]],
    now: datetime,
    *,
    detect: DetectSettings,
    notify: NotifySettings,
) -> list[Opening]:
    """`record`, of findings by their causes, tenants in order."""
    recorder = Recorder(connection, now, detect, notify, suppressions.running(connection, now))
    lock_live(connection, {cause.tenant_id for cause in groups})
    return [done for cause, group in groups.items() if (done := recorder.record(cause, group))]


def settle(
    connection: Connection,
    watermarks: Mapping[TenantId, datetime],
    now: datetime,
    *,
    detect: DetectSettings,
    notify: NotifySettings,
) -> list[Incident]:
    """End unattended incidents that have been quiet for long enough, as far as complete windows show.

    Where the quiet time is over but no event has arrived since, the timeline says that once: missing data is no
    recovery.
    """
    recorder = Recorder(connection, now, detect, notify, [])
    live = sorted(list_live(connection), key=lambda i: i.tenant_id)
    free = [(i, _heard(i, watermarks)) for i in live if i.kind in AUTH_KINDS and not _holds(connection, i)]
    lock_live(connection, {incident.tenant_id for incident, heard in free if over(incident, heard, detect.episode)})
    ended = []
    for incident, heard in free:
        if over(incident, heard, detect.episode):
            ended.append(recorder.close(incident))
        elif incident.status in UNATTENDED and now >= quiet_end(incident, detect.episode):
            recorder.doubt(incident, heard)
    return ended


def _heard(incident: Incident, watermarks: Mapping[TenantId, datetime]) -> datetime | None:
    """How far the events reach on which an incident rests: those of all tenants where it belongs to none."""
    if is_everybody(incident.subject):
        return max(watermarks.values(), default=None)
    return watermarks.get(incident.tenant_id)


def _holds(connection: Connection, incident: Incident) -> bool:
    """True while a lease of the incident may have an effect in the world, or an alert of it fires."""
    query = text(
        "select exists(select from leases where incident_id = :id and state <> 'reverted' and ttl_seconds is not null)"
        " or exists(select from alerts a where a.incident_id = :id and a.status = 'firing' and not exists("
        "select from alerts r where (r.tenant_id, r.fingerprint, r.starts_at, r.status)"
        " = (a.tenant_id, a.fingerprint, a.starts_at, 'resolved')))"
    )
    return bool(connection.execute(query, {"id": incident.id}).scalar_one())


def restore(connection: Connection, now: datetime, *, detect: DetectSettings, notify: NotifySettings) -> list[Opening]:
    """Give incidents back what an ended suppression held: severity, page and runbook."""
    ended = {window.id for window in suppressions.ended_unnoted(connection, now)}
    if not ended:
        return []
    recorder = Recorder(connection, now, detect, notify, suppressions.running(connection, now))
    held = [incident for incident in list_live(connection) if incident.suppressed_by in ended]
    lock_live(connection, {incident.tenant_id for incident in held})
    return [done for incident in sorted(held, key=lambda i: i.tenant_id) if (done := recorder.give_back(incident))]
