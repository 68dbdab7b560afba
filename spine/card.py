"""The first message of an incident's thread: where the incident stands now, and how it came to that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from spine.incident import Incident, IncidentStatus
from spine.plain import clean, cut

_KEPT_FIRST, _KEPT_LAST = 3, 12
_LINE = 220
_NOISE = frozenset({"run", "run.failed", "diagnostics", "finding", "insufficient_evidence"})
"""Lines of the story that tell nothing of where the incident stands; the console has all of them."""
_MARKS = {
    IncidentStatus.OPEN: "🔴",
    IncidentStatus.ESCALATED: "🔴",
    IncidentStatus.AWAITING_APPROVAL: "🟠",
    IncidentStatus.MITIGATING: "🟡",
    IncidentStatus.VERIFYING: "🟡",
    IncidentStatus.ROLLING_BACK: "🟡",
    IncidentStatus.MONITORING: "🔵",
    IncidentStatus.MITIGATED: "🟢",
    IncidentStatus.RESOLVED: "✅",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the first message of a thread shows beside its news."""

    mark: str
    """One character that tells from afar how it stands."""
    status: str
    care: str
    """Who takes care of it."""
    story: tuple[str, ...]
    """Oldest first; what was left out says so."""
    lines: int
    """Of the whole story: how much is known here."""
    acknowledge: UUID | None
    """The incident, while nobody has acknowledged it."""
    short: str
    """The beginning of the incident's id, by which commands name it."""
    over: bool


def card(incident: Incident, story: Sequence[Mapping[str, Any]]) -> Card:
    """The card of an incident with its whole timeline (at, kind, actor, summary), oldest first."""
    over = incident.status is IncidentStatus.RESOLVED
    taken = next((line for line in story if line["kind"] == "acknowledged"), None)
    return Card(
        mark=_MARKS[incident.status],
        status=incident.status.value.replace("_", " "),
        care=_care(incident, taken),
        story=told(story),
        lines=len(story),
        acknowledge=incident.id if incident.acknowledged_at is None and not over and not incident.synthetic else None,
        short=str(incident.id)[:8],
        over=over,
    )


def told(story: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The story in lines: how it began, and the latest of what followed."""
    lines = [
        f"{line['at']:%H:%M:%S}  {cut(clean(str(line['summary'])), _LINE)}"
        for line in story
        if line["kind"] not in _NOISE
    ]
    if len(lines) <= _KEPT_FIRST + _KEPT_LAST + 1:
        return tuple(lines)
    left = len(lines) - _KEPT_FIRST - _KEPT_LAST
    return (*lines[:_KEPT_FIRST], f"… {left} lines are left out; the console has them", *lines[-_KEPT_LAST:])


def _care(incident: Incident, taken: Mapping[str, Any] | None) -> str:
    if incident.acknowledged_at is None:
        return "nobody was needed" if incident.status is IncidentStatus.RESOLVED else "nobody yet"
    who = clean(str(taken["actor"])).removeprefix("person:") if taken else "somebody"
    return f"{cut(who, 100)}, since {incident.acknowledged_at:%H:%M:%S} UTC"
