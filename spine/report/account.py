"""Everything that was read about one incident, from which its report is made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spine.audit import AuditAction
from spine.decision.plan_hash import of_decision
from spine.errors import Broken
from spine.incident import Incident
from spine.lease import Lease
from spine.plan import Decision
from spine.report.citation import Entries, Entry, some
from spine.settings.report import ReportSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One piece of frozen evidence."""

    source: str
    window_start: datetime
    window_end: datetime
    n: int
    observed: Mapping[str, float]
    threshold: Mapping[str, float]
    body: Mapping[str, Any]
    sha256: str
    created_at: datetime
    sound: bool
    """True when the hash is that of its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An incident, its trail, and what hangs on it."""

    incident: Incident
    trail: tuple[Entry, ...]
    """Entries about it, by number; those whose hash is wrong are left out."""
    broken: tuple[int, ...]
    """Numbers of those."""
    decisions: tuple[Decision, ...]
    """Oldest first, as they are stored."""
    receipts: tuple[Receipt, ...]
    leases: tuple[Lease, ...]
    settings: ReportSettings
    made_at: datetime

    def __post_init__(self) -> None:
        """Refuses an incident the trail knows nothing of.

        Raises:
            Broken: no entry is there to rest a fact on.
        """
        if not self.trail:
            raise Broken(
                f"The audit trail holds nothing sound about incident {self.incident.id}, so nothing can be reported "
                "of it. `opsspine audit verify` shows whether somebody changed the trail."
            )

    @property
    def opened(self) -> Entry:
        """The entry of its opening; where there is none, its first."""
        return self.first(AuditAction.INCIDENT_OPENED) or self.trail[0]

    @property
    def latest(self) -> Entry:
        """The last entry: until then nothing else was recorded."""
        return self.trail[-1]

    @property
    def counted(self) -> Entry:
        """The entry that tells how many the incident concerned, as late as there is one."""
        told = [one for one in self.trail if isinstance(one.after, dict) and "first_event_at" in one.after]
        return told[-1] if told else self.opened

    def of(self, *actions: AuditAction) -> tuple[Entry, ...]:
        """Entries of these actions, in order."""
        return tuple(one for one in self.trail if one.action in actions)

    def about(self, subject: str) -> tuple[Entry, ...]:
        """Entries about `subject`, in order."""
        return tuple(one for one in self.trail if one.subject == subject)

    def first(self, action: AuditAction, outcome: str | None = None) -> Entry | None:
        """The first entry of `action` (with `outcome`)."""
        return next((one for one in self.of(action) if outcome in (None, one.outcome)), None)

    def notes(self, label: str) -> list[tuple[str, Entry]]:
        """What people noted as "label: …", with the entry; the label in any case."""
        found = []
        for one in self.of(AuditAction.INCIDENT_UPDATED):
            name, colon, said = str(one.told("said") or "").partition(":")
            if one.outcome == "note" and colon and name.strip().lower() == label.lower() and said.strip():
                found.append((said.strip(), one))
        return found

    def decided(self, decision: Decision) -> Entry | None:
        """The entry of a decision, if the decision is still the one that was recorded; None = it is not."""
        for one in self.about(f"decision:{decision.decision_id}"):
            if one.action is AuditAction.DECISION_CREATED and one.plan_hash == of_decision(decision):
                return one
        ordered = self.of(AuditAction.DECISION_CREATED)
        return next((one for one in ordered if one.plan_hash == of_decision(decision)), None)

    def witness(self, receipt: Receipt) -> tuple[Entry, bool]:
        """The entry that vouches for evidence, and whether the evidence's hash stands in it.

        Where none names the hash it is the first entry at or after the moment the evidence was kept.
        """
        for one in self.trail:
            if receipt.sha256 in (one.told("evidence") or ()):
                return one, True
        for decision in self.decisions:
            vouched = self.decided(decision) if any(r.sha256 == receipt.sha256 for r in decision.evidence) else None
            if vouched is not None:
                return vouched, True
        later = (one for one in self.trail if one.at >= receipt.created_at)
        return next(later, self.latest), False

    def resting(self, entries: Iterable[Entry]) -> Entries:
        """`entries`, or where there are none the latest one: until then nothing of the kind was recorded."""
        return some(entries) or (self.latest,)
