"""When a frozen plan has had its time: it waited, or was not enough, and the world has moved on."""

from sqlalchemy import Connection

from spine.incident import Incident, IncidentStatus
from spine.plan import Decision, Verb
from spine.verdict import Outcome
from store import evidence

_WAITING = frozenset({Verb.MONITOR, Verb.NO_ACTION, Verb.INSUFFICIENT_EVIDENCE})


def outdated(connection: Connection, incident: Incident, decision: Decision) -> bool:
    """True when a new plan should be made: evidence that `decision` was not made from asks for one.

    Told by what the decision has seen, not by time: the clocks of those who write the two may differ.
    """
    newer = [row for row in evidence.evidence_rows(connection, incident.id) if row["id"] not in decision.seen]
    if incident.status is IncidentStatus.VERIFYING:
        return any(row["source"] == "verification" and row["query"] == Outcome.NOT_FIXED.value for row in newer)
    if incident.status in (IncidentStatus.OPEN, IncidentStatus.MONITORING) and decision.decision in _WAITING:
        return any(row["source"].startswith("detector:") for row in newer)
    return False
