"""One finding's way into an incident: it opens, grows, is given back or ends, each with everything that tells of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.detect.episode import Cause, identity, opening, quiet_end, recurrence
from spine.detect.summary import facts, merged, title
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import Incident, IncidentKind, IncidentStatus, told
from spine.notification import Topic
from spine.settings import DetectSettings, NotifySettings
from spine.severity import Severity
from spine.suppression import Suppression, lowered, suppressor
from store import audit, outbox, routes
from store.evidence import add_evidence
from store.incident_rows import append_timeline, insert, last_ended, live_of, transition, update

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


@dataclass(frozen=True, slots=True)
class Recorder:
    """Records in the caller's transaction, under the suppressions (`windows`) that run."""

    connection: Connection
    now: datetime
    detect: DetectSettings
    notify: NotifySettings
    windows: Sequence[Suppression]

    def record(self, cause: Cause, group: list[Finding]) -> Opening | None:
        """Opens or grows the incident of `cause`, one writer per cause at a time. None when nothing opens."""
        self.connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:k, 0))"), {"k": cause.key})
        live = live_of(self.connection, cause)
        return self.grow(live, group) if live else self.open(cause, group)

    def open(self, cause: Cause, group: list[Finding]) -> Opening | None:
        """Opens an incident; None when the findings do not suffice, or another scheduler opened it first."""
        before = last_ended(self.connection, cause)
        reasons = opening(group, before.resolved_at if before else None)
        if not reasons:
            return None
        incident = self.first(cause, group, reasons, before)
        if not insert(self.connection, incident):
            return None  # another scheduler was faster, and told everybody
        words = "Opened by " + ", ".join(sorted({f.detector for f in reasons}))
        self.note(incident, "opened", words, {"findings": [str(f.id) for f in group], "reopens": incident.reopens})
        if incident.suppressed_by:
            self.note(incident, "suppression", "A suppression holds back its page and every automatic action")
        kept = self.keep(incident, group)
        self.tell(incident, AuditAction.INCIDENT_OPENED, Topic.INCIDENT_OPENED, kept)
        return Opening(incident, incident.suppressed_by is None, True, min(f.window_end for f in reasons))

    def first(self, cause: Cause, group: list[Finding], reasons: list[Finding], before: Incident | None) -> Incident:
        """The new incident, not yet stored: of all of `group`, its times by the `reasons` that open it."""
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
        """Merges `group` into a live incident; people hear of it when it got more severe or is held back no longer."""
        summary = merged(live.summary, group, self.detect.episode.max_addresses)
        receipts, worst = live.summary.get("receipts_n", {}), live.summary.get("severity", 0)
        # a receipt when it got worse, or twice as much: enough for a plan that only watched to be made anew
        fresh = [f for f in group if f.severity > worst or f.n >= 2 * receipts.get(f.detector, 0)]
        summary["receipts_n"] = {**receipts, **{f.detector: f.n for f in fresh}}
        latest = max([live.last_finding_at, *(f.last_event_at for f in group if f.last_event_at)])
        grown = self.weigh(live, summary, last_finding_at=latest)
        kept = self.keep(grown, fresh)
        released = live.suppressed_by is not None and grown.suppressed_by is None
        if grown.severity > live.severity or released:
            why = "; no suppression may hold it back" if released else ""
            self.note(grown, "severity", f"Severity rose from {live.severity.label} to {grown.severity.label}{why}")
            topic = Topic.INCIDENT_OPENED if released else Topic.INCIDENT_UPDATED
            self.tell(grown, AuditAction.INCIDENT_UPDATED, topic, kept)
        return Opening(grown, released, False, min(f.window_end for f in group))

    def give_back(self, incident: Incident) -> Opening | None:
        """Makes a held-back incident live once its suppression is over; None while another one holds it."""
        new = self.weigh(incident, incident.summary)
        if new.suppressed_by is not None:
            return None  # another window took over
        self.note(new, "suppression", "The suppression is over; the incident is live")
        self.tell(new, AuditAction.INCIDENT_UPDATED, Topic.INCIDENT_OPENED)
        return Opening(new, True, False, self.now)

    def close(self, incident: Incident) -> Incident:
        """Resolves an incident that stayed quiet while events went on arriving."""
        words = f"Over: nothing since {incident.last_finding_at:%H:%M} UTC, while events went on arriving"
        done = transition(
            self.connection, incident.id, IncidentStatus.RESOLVED, at=self.now, actor=ACTOR, summary=words,
            resolved_at=min(self.now, quiet_end(incident, self.detect.episode)),
        )  # fmt: skip
        self.tell(done, AuditAction.INCIDENT_CLOSED, Topic.INCIDENT_RESOLVED)
        return done

    def doubt(self, incident: Incident, watermark: datetime | None) -> None:
        """Notes, once per silence, that quiet proves nothing: no event has arrived since `watermark`."""
        if incident.summary.get(_DOUBTED) == incident.last_finding_at.isoformat():
            return
        since = f"no event has arrived since {watermark:%H:%M} UTC" if watermark else "no event has arrived at all"
        words = f"Insufficient evidence: quiet, but {since}; it stays open until events show that it is over"
        marked = {**incident.summary, _DOUBTED: incident.last_finding_at.isoformat()}
        update(self.connection, incident.id, summary=marked)
        self.note(incident, "insufficient_evidence", words)

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
        """The running suppression that holds back such an incident of the tenant, if there is one."""
        mine = [window for window in self.windows if window.tenant_id == tenant]
        return suppressor(mine, kind, self.now, facts(summary))

    def note(self, incident: Incident, kind: str, words: str, detail: Mapping[str, Any] | None = None) -> None:
        """Adds a line to the timeline."""
        append_timeline(self.connection, incident, self.now, kind, ACTOR, words, detail)

    def keep(self, incident: Incident, findings: Sequence[Finding]) -> list[str]:
        """Freezes what `findings` observed; returns the hashes."""
        kept = []
        for finding in findings:
            body = {
                "finding": str(finding.id),
                "margin": finding.margin,
                "addresses": finding.addresses[:_KEPT],
                "addresses_total": len(finding.addresses),
                "users_total": len(finding.users),
            }
            ref = add_evidence(
                self.connection, incident.tenant_id, incident.id,
                source=f"detector:{finding.detector}", query=f"{finding.kind.value}/{finding.subject}",
                window_start=finding.window_start, window_end=finding.window_end, n=finding.n,
                observed=finding.observed, threshold=finding.threshold, at=self.now, body=body,
            )  # fmt: skip
            kept.append(ref.sha256)
        return kept

    def tell(self, incident: Incident, action: AuditAction, topic: Topic, evidence: Sequence[str] = ()) -> None:
        """Audits what became of the incident; tells people too, unless it is held back or an exercise."""
        if incident.suppressed_by is None and not incident.synthetic:
            outbox.put(
                self.connection, incident.tenant_id, topic, {"incident": str(incident.id)},
                severity=incident.severity, incident_id=incident.id, now=self.now,
                dedupe=f"{topic.value}:{incident.id}:{incident.severity.value}",
                channels=routes.destinations(self.connection, incident, topic, self.notify, now=self.now),
            )  # fmt: skip
        audit.append(
            self.connection, incident.tenant_id, action, actor=ACTOR, at=self.now, subject=f"incident:{incident.id}",
            incident_id=incident.id, after=told(incident), detail={"evidence": list(evidence)} if evidence else None,
        )  # fmt: skip
