"""Episodes: which findings are one incident, when it begins and when it is over.

One cause, one incident: all findings on one subject of one tenant join the live incident, however often the
measure crosses its line. Its successor derives its id from it, so two schedulers derive the same one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from spine.detect.subject import is_everybody
from spine.finding import Finding
from spine.ids import NO_TENANT, IncidentId, TenantId
from spine.incident import Incident, IncidentKind, IncidentStatus, incident_id
from spine.settings.detect import EpisodeSettings

UNATTENDED = frozenset({IncidentStatus.OPEN, IncidentStatus.MONITORING, IncidentStatus.ESCALATED})
"""States in which quiet alone ends an incident that holds nothing; in all others its runbook, or a person, does.

An escalated one, too: while it lives, the next attack only adds to it, and no runbook would answer.
"""


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """What makes findings the same problem."""

    tenant_id: TenantId
    kind: IncidentKind
    subject: str
    drill_id: str | None = None

    @property
    def key(self) -> str:
        """The cause as text, for locks."""
        return "\x1f".join([self.tenant_id, self.kind.value, self.subject, self.drill_id or ""])


def gathered(findings: Sequence[Finding], live: Collection[tuple[TenantId, IncidentKind, str]]) -> list[Finding]:
    """The findings, those of single tenants made part of what all tenants suffer from.

    That has a live incident (`live` has tenant, kind and subject of each), or a finding that opens one. Where the
    tenant's own incident lives, it goes on.
    """
    common = {(kind, subject) for _, kind, subject in live if is_everybody(subject)}
    common |= {(f.kind, f.subject) for f in findings if is_everybody(f.subject) and f.margin >= 1 and not f.synthetic}
    kept: list[Finding] = []
    parts: dict[tuple[IncidentKind, str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        whole = finding.part_of
        alone = whole is None or (finding.kind, whole) not in common or finding.synthetic
        if whole is None or alone or (finding.tenant_id, finding.kind, finding.subject) in live:
            kept.append(finding)
        else:
            parts[finding.kind, finding.detector, whole].append(finding)
    return kept + [_joined(group, subject) for (_, _, subject), group in parts.items()]


def _joined(group: list[Finding], subject: str) -> Finding:
    """The strongest of several tenants' findings, in the name of all."""
    strongest = max(group, key=lambda f: (f.margin, f.tenant_id))
    tenants = tuple(sorted({str(f.tenant_id) for f in group}))
    return replace(
        strongest, tenant_id=NO_TENANT, subject=subject, part_of=None, tenants=tenants,
        last_event_at=max((f.last_event_at for f in group if f.last_event_at), default=None),
    )  # fmt: skip


def causes(findings: Iterable[Finding]) -> dict[Cause, list[Finding]]:
    """Findings by cause, tenants in order (audit chains are locked in that order)."""
    found: dict[Cause, list[Finding]] = defaultdict(list)
    for finding in findings:
        found[Cause(finding.tenant_id, finding.kind, finding.subject, finding.drill_id)].append(finding)
    return {cause: found[cause] for cause in sorted(found, key=lambda c: c.key)}


def by_urgency(groups: Mapping[Cause, list[Finding]], most: int) -> list[dict[Cause, list[Finding]]]:
    """`groups` in parts of at most `most` causes: the worst first, and tenants in order within each part."""
    worst = sorted(groups, key=lambda cause: -max(f.severity for f in groups[cause]))
    parts = (worst[first : first + most] for first in range(0, len(worst), most))
    return [{cause: groups[cause] for cause in sorted(part, key=lambda c: c.key)} for part in parts]


def opening(findings: Sequence[Finding], last_end: datetime | None) -> list[Finding]:
    """Those findings that justify a new incident after the last one ended at `last_end`.

    What rests on events from before that end re-tells what is known already, and so does what has no recent
    events: neither pages anybody.
    """
    return [
        finding
        for finding in findings
        if finding.margin >= 1
        and finding.last_event_at is not None
        and (last_end is None or rests_on_events_since(finding) >= last_end)
    ]


def rests_on_events_since(finding: Finding) -> datetime:
    """The earliest event that a finding can rest on.

    Rows of single logins reach back an hour; a count over a longer window may rest on all of it.
    """
    if finding.window_end - finding.window_start > timedelta(hours=1):
        return finding.window_start
    return max(finding.window_start, finding.first_event_at)


def identity(cause: Cause, predecessor: IncidentId | None) -> IncidentId:
    """The stable id of the episode that follows `predecessor` (None: the first of this cause)."""
    return incident_id(cause.tenant_id, cause.kind, f"{cause.subject}/{cause.drill_id or ''}/{predecessor or 'first'}")


def recurrence(last_end: datetime | None, now: datetime, settings: EpisodeSettings) -> bool:
    """True when an incident that opens now is the recurrence of one that ended at `last_end`."""
    return last_end is not None and now - last_end <= timedelta(hours=settings.reopen_hours)


def quiet_end(incident: Incident, settings: EpisodeSettings) -> datetime:
    """When an incident is over if nothing more happens."""
    return incident.last_finding_at + timedelta(minutes=settings.quiet_minutes)


def over(incident: Incident, watermark: datetime | None, settings: EpisodeSettings) -> bool:
    """True when an unattended incident has been quiet for long enough, seen by complete windows.

    Missing data is not zero: events must have arrived from after the quiet time, or nothing is said.
    """
    return incident.status in UNATTENDED and watermark is not None and watermark >= quiet_end(incident, settings)
