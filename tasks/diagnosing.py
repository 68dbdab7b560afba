"""Asks the diagnostics of a runbook about an incident, all at once, and freezes what they say."""

import asyncio
from datetime import datetime, timedelta

from spine.case import Case
from spine.clock import SystemClock
from spine.diagnostic import Answer
from spine.ids import IncidentId
from spine.question import question_of
from spine.runbook import Runbook
from spine.settings import Settings
from store import incidents
from store.engine import Database
from tasks.answering import asked_since, keep
from tasks.casing import read_case
from tasks.diagnostics import Ports, ask
from tasks.planning import standing
from tasks.progress import ACTOR, owned


def unanswered(
    database: Database, settings: Settings, runbook: Runbook, incident_id: IncidentId, now: datetime
) -> tuple[str, ...]:
    """The runbook's diagnostics that are to be asked: none while a frozen plan stands, none twice for one plan, and
    none of a drill, which brings its answers along and asks nobody outside."""
    if not runbook.asks:
        return ()
    with database.system() as connection:
        incident = incidents.get(connection, incident_id)
        if incident.synthetic or standing(connection, incident) is not None:
            return ()
        rows = incidents.evidence_rows(connection, incident_id)
    fresh = asked_since(rows, now - timedelta(minutes=settings.decision.plan_minutes))
    return tuple(key for key in runbook.asks if key not in fresh)


async def ask_all(
    database: Database, settings: Settings, keys: tuple[str, ...], incident_id: IncidentId, *, fence: int, now: datetime
) -> tuple[Answer, ...]:
    """The answers of diagnostics, kept as evidence. None fails an incident: what it could not see is UNKNOWN.

    Raises:
        Refused: a newer run has taken the incident.
    """
    with database.system() as connection:
        incident = owned(connection, incident_id, fence)
    case = await asyncio.to_thread(read_case, database, incident, now)
    answers = await ask_about(case, keys, database, settings)
    with database.system() as connection:
        incident = owned(connection, incident_id, fence)
        for answer in answers:
            keep(connection, incident, answer, since=case.window_start, now=now)
        told = ", ".join(f"{answer.key} {answer.state.value}" for answer in answers)
        incidents.append_timeline(connection, incident, now, "diagnostics", ACTOR, f"Asked: {told}")
    return answers


async def ask_about(case: Case, keys: tuple[str, ...], database: Database, settings: Settings) -> tuple[Answer, ...]:
    """What the diagnostics `keys` say about `case`; changes nothing."""
    ports = Ports.of(settings, SystemClock(), database)
    question = question_of(case)
    return tuple(await asyncio.gather(*(ask(key, question, ports) for key in keys)))
