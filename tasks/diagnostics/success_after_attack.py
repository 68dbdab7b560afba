"""success_after_attack: who got in from an attacking address after it had begun to fail?"""

from sqlalchemy import Connection

from spine.diagnostic import Answer, Check, DiagnosticSpec, Question, State, Value, pseudonym
from spine.errors import Refused
from spine.incident import IncidentKind
from store.diagnosis import Entry, entries_after_failures, reach
from tasks.diagnostics import Diagnostic, Ports
from tasks.diagnostics.probe.events import gap, read, receipt, suspects

_TOLD = 50
"""Users named (by pseudonym) in an answer; beyond it they are only counted."""


async def run(question: Question, ports: Ports) -> Answer:
    """Join the successes of each suspected address with its first failure.

    People who had logged in there before the attack are told apart: an office with an infected machine.
    """
    addresses = suspects(question)
    if not addresses:
        raise Refused("diagnostic.addresses", "the evidence names no address; there is nobody to join with")
    since = min(question.since, question.attack_start or question.since)

    def look(connection: Connection) -> tuple[list[Entry], str]:
        found = entries_after_failures(connection, question.tenant_id, since, question.now, addresses)
        return found, gap(reach(connection, question.tenant_id), question)

    entries, missing = await read(ports, question, look)
    asked = f"successes after failures from {len(addresses)} addresses since {since:%Y-%m-%dT%H:%MZ}"
    return Answer(SPEC.key, (_entered(entries, missing), *_residents(entries)), (receipt(ports, asked, entries),))


def _entered(entries: list[Entry], missing: str) -> Check:
    strangers = [entry for entry in entries if not entry.resident]
    users = sorted({entry.user_id for entry in strangers})
    seen: dict[str, Value] = {
        "users": len(users),
        "addresses": len({entry.ip for entry in strangers}),
        "tried_before": len({entry.user_id for entry in strangers if entry.had_failed}),
        "first_at": strangers[0].entered_at.isoformat() if strangers else None,
        "who": tuple(pseudonym(user) for user in users[:_TOLD]),
    }
    if users:
        because = f"{len(users)} users got in from an attacking address; revoke their sessions, ask for a second factor"
        return Check("entered", State.BAD, because, seen)
    if missing:
        return Check("entered", State.UNKNOWN, missing, seen)
    return Check("entered", State.OK, "nobody got in from an attacking address after it failed", seen)


def _residents(entries: list[Entry]) -> list[Check]:
    """A word on people who belong there, where there are any."""
    users = {entry.user_id for entry in entries if entry.resident}
    if not users:
        return []
    because = f"{len(users)} users who logged in there before the attack did so again; acting on it would hit them"
    return [Check("residents", State.BAD, because, {"users": len(users)})]


SPEC = DiagnosticSpec(
    key="success_after_attack",
    title="Who got in after the attack began",
    serves=(IncidentKind.FAILED_LOGINS_SPIKE, IncidentKind.SESSION_ANOMALIES),
)
DIAGNOSTIC = Diagnostic(SPEC, run)
