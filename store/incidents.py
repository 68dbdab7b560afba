"""Incidents: the one way from findings to incidents, and everything else that touches them.

Every change is written with its timeline, its audit entry and its notification, in the caller's transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.detect.episode import (
    UNATTENDED,
    Cause,
    causes,
    gathered,
    identity,
    opening,
    over,
    quiet_end,
    recurrence,
)
from spine.detect.subject import is_everybody
from spine.detect.summary import facts, merged, title
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import Incident, IncidentKind, IncidentStatus
from spine.notification import Topic, channels_for
from spine.settings import DetectSettings, NotifySettings
from spine.severity import Severity
from spine.suppression import Suppression, lowered, suppressor
from store import audit, outbox, suppressions
from store.evidence import add_evidence, digest, evidence, evidence_rows
from store.incident_rows import (
    append_timeline,
    get,
    insert,
    last_ended,
    list_live,
    list_recent,
    live_of,
    take,
    timeline,
    transition,
    update,
)

__all__ = [
    "Opening", "add_evidence", "append_timeline", "digest", "evidence", "evidence_rows", "get", "list_live",
    "list_recent", "record", "restore", "settle", "take", "timeline", "transition",
]  # fmt: skip

ACTOR = "engine"
_DOUBTED = "quiet_without_evidence_since"
_KEPT = 1_000
"""Addresses kept in one receipt; the incident's summary keeps more."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What findings did to one incident."""

    incident: Incident
    is_new: bool
    """True when its runbook should start: it opened, or a suppression that held it back is over."""
    opened: bool
    """True when it did not exist before; a suppressed one opened, too."""
    held_at: datetime
    """From when on the deciding finding held, at the latest: the overflow's time for a streaming bucket."""


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
    recorder = _Recorder(connection, now, detect, notify, suppressions.running(connection, now))
    lives = list_live(connection) if findings else []
    live = {(i.tenant_id, i.kind, i.subject) for i in lives if not i.synthetic}
    groups = causes(gathered(findings, live))
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
    recorder = _Recorder(connection, now, detect, notify, [])
    ended = []
    for incident in sorted(list_live(connection), key=lambda i: i.tenant_id):
        if _holds(connection, incident):
            continue
        heard = _heard(incident, watermarks)
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
    """True while a lease of the incident may have an effect in the world."""
    query = text(
        "select exists(select from leases where incident_id = :id and state <> 'reverted' and ttl_seconds is not null)"
    )
    return bool(connection.execute(query, {"id": incident.id}).scalar_one())


def restore(connection: Connection, now: datetime, *, detect: DetectSettings, notify: NotifySettings) -> list[Opening]:
    """Give incidents back what an ended suppression held: severity, page and runbook."""
    ended = {window.id for window in suppressions.ended_unnoted(connection, now)}
    if not ended:
        return []
    recorder = _Recorder(connection, now, detect, notify, suppressions.running(connection, now))
    held = (incident for incident in list_live(connection) if incident.suppressed_by in ended)
    return [done for incident in sorted(held, key=lambda i: i.tenant_id) if (done := recorder.give_back(incident))]


@dataclass(frozen=True, slots=True)
class _Recorder:
    connection: Connection
    now: datetime
    detect: DetectSettings
    notify: NotifySettings
    windows: Sequence[Suppression]

    def record(self, cause: Cause, group: list[Finding]) -> Opening | None:
        self.connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:k, 0))"), {"k": cause.key})
        live = live_of(self.connection, cause)
        return self.grow(live, group) if live else self.open(cause, group)

    def open(self, cause: Cause, group: list[Finding]) -> Opening | None:
        before = last_ended(self.connection, cause)
        reasons = opening(group, before.resolved_at if before else None)
        if not reasons:
            return None
        incident = self.first(cause, group, reasons, before)
        if not insert(self.connection, incident):
            return None  # another scheduler was faster, and told everybody
        told = "Opened by " + ", ".join(sorted({f.detector for f in reasons}))
        self.note(incident, "opened", told, {"findings": [str(f.id) for f in group], "reopens": incident.reopens})
        if incident.suppressed_by:
            self.note(incident, "suppression", "A suppression holds back its page and every automatic action")
        self.keep(incident, group)
        self.tell(incident, AuditAction.INCIDENT_OPENED, Topic.INCIDENT_OPENED)
        return Opening(incident, incident.suppressed_by is None, True, min(f.window_end for f in reasons))

    def first(self, cause: Cause, group: list[Finding], reasons: list[Finding], before: Incident | None) -> Incident:
        summary = merged({}, group, self.detect.episode.max_addresses)
        summary["receipts_n"] = {f.detector: f.n for f in group}
        window = self.window_for(cause.tenant_id, cause.kind, summary) if cause.drill_id is None else None
        severity = Severity(summary["severity"])
        recurs = before is not None and recurrence(before.resolved_at, self.now, self.detect.episode)
        return Incident(
            id=identity(cause, before.id if before else None),
            tenant_id=cause.tenant_id,
            kind=cause.kind,
            subject=cause.subject,
            status=IncidentStatus.OPEN,
            severity=lowered(severity) if window else severity,
            title=("DRILL: " if cause.drill_id else "") + title(cause.kind, cause.subject, summary),
            first_event_at=min(f.first_event_at for f in reasons),
            opened_at=self.now,
            last_finding_at=max(f.last_event_at for f in reasons if f.last_event_at),
            reopens=before.id if before and recurs else None,
            suppressed_by=window.id if window else None,
            synthetic=any(f.synthetic for f in group),
            drill_id=cause.drill_id,
            summary=summary,
        )

    def grow(self, live: Incident, group: list[Finding]) -> Opening:
        summary = merged(live.summary, group, self.detect.episode.max_addresses)
        told, worst = live.summary.get("receipts_n", {}), live.summary.get("severity", 0)
        # a receipt when it got worse, or twice as much: enough for a plan that only watched to be made anew
        fresh = [f for f in group if f.severity > worst or f.n >= 2 * told.get(f.detector, 0)]
        summary["receipts_n"] = {**told, **{f.detector: f.n for f in fresh}}
        latest = max([live.last_finding_at, *(f.last_event_at for f in group if f.last_event_at)])
        grown = self.weigh(live, summary, last_finding_at=latest)
        self.keep(grown, fresh)
        released = live.suppressed_by is not None and grown.suppressed_by is None
        if grown.severity > live.severity or released:
            why = "; no suppression may hold it back" if released else ""
            self.note(grown, "severity", f"Severity rose from {live.severity.label} to {grown.severity.label}{why}")
            self.tell(
                grown, AuditAction.INCIDENT_UPDATED, Topic.INCIDENT_OPENED if released else Topic.INCIDENT_UPDATED
            )
        return Opening(grown, released, False, min(f.window_end for f in group))

    def give_back(self, incident: Incident) -> Opening | None:
        new = self.weigh(incident, incident.summary)
        if new.suppressed_by is not None:
            return None  # another window took over
        self.note(new, "suppression", "The suppression is over; the incident is live")
        self.tell(new, AuditAction.INCIDENT_UPDATED, Topic.INCIDENT_OPENED)
        return Opening(new, True, False, self.now)

    def close(self, incident: Incident) -> Incident:
        told = f"Over: nothing since {incident.last_finding_at:%H:%M} UTC, while events went on arriving"
        done = transition(
            self.connection, incident.id, IncidentStatus.RESOLVED, at=self.now, actor=ACTOR, summary=told,
            resolved_at=min(self.now, quiet_end(incident, self.detect.episode)),
        )  # fmt: skip
        self.tell(done, AuditAction.INCIDENT_CLOSED, Topic.INCIDENT_RESOLVED)
        return done

    def doubt(self, incident: Incident, watermark: datetime | None) -> None:
        if incident.summary.get(_DOUBTED) == incident.last_finding_at.isoformat():
            return
        since = f"no event has arrived since {watermark:%H:%M} UTC" if watermark else "no event has arrived at all"
        told = f"Insufficient evidence: quiet, but {since}; it stays open until events show that it is over"
        marked = {**incident.summary, _DOUBTED: incident.last_finding_at.isoformat()}
        update(self.connection, incident.id, summary=marked)
        self.note(incident, "insufficient_evidence", told)

    def weigh(self, incident: Incident, summary: dict[str, Any], **columns: object) -> Incident:
        """The incident with `summary`, and with what the running windows allow. One under way is never held."""
        severity = Severity(summary["severity"])
        window = self.window_for(incident.tenant_id, incident.kind, summary) if incident.flow_run_id is None else None
        if window:
            columns |= {"severity": lowered(severity).value, "suppressed_by": window.id}
        else:
            columns |= {"severity": max(severity, incident.severity).value, "suppressed_by": None}
        return update(self.connection, incident.id, summary=summary, **columns)

    def window_for(self, tenant: TenantId, kind: IncidentKind, summary: dict[str, Any]) -> Suppression | None:
        mine = [window for window in self.windows if window.tenant_id == tenant]
        return suppressor(mine, kind, self.now, facts(summary))

    def note(self, incident: Incident, kind: str, told: str, detail: Mapping[str, Any] | None = None) -> None:
        append_timeline(self.connection, incident, self.now, kind, ACTOR, told, detail)

    def keep(self, incident: Incident, findings: Sequence[Finding]) -> None:
        for finding in findings:
            body = {
                "finding": str(finding.id),
                "margin": finding.margin,
                "addresses": finding.addresses[:_KEPT],
                "addresses_total": len(finding.addresses),
                "users_total": len(finding.users),
            }
            add_evidence(
                self.connection, incident.tenant_id, incident.id,
                source=f"detector:{finding.detector}", query=f"{finding.kind.value}/{finding.subject}",
                window_start=finding.window_start, window_end=finding.window_end, n=finding.n,
                observed=finding.observed, threshold=finding.threshold, at=self.now, body=body,
            )  # fmt: skip

    def tell(self, incident: Incident, action: AuditAction, topic: Topic) -> None:
        if incident.suppressed_by is None and not incident.synthetic:
            outbox.put(
                self.connection, incident.tenant_id, topic, {"incident": str(incident.id)},
                severity=incident.severity, incident_id=incident.id, now=self.now,
                dedupe=f"{topic.value}:{incident.id}:{incident.severity.value}",
                channels=channels_for(topic, incident.severity, self.notify),
            )  # fmt: skip
        after = {
            "status": incident.status.value,
            "severity": incident.severity.label,
            "kind": incident.kind.value,
            "class": incident.summary.get("class"),
            "addresses": incident.summary.get("addresses_total"),
            "suppressed_by": str(incident.suppressed_by) if incident.suppressed_by else None,
            "reopens": str(incident.reopens) if incident.reopens else None,
        }
        audit.append(
            self.connection, incident.tenant_id, action, actor=ACTOR, at=self.now, subject=f"incident:{incident.id}",
            incident_id=incident.id, after=after,
        )  # fmt: skip
