"""Builds the case of an incident: everything its runbook may look at, read in one transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from spine.attribute import OAUTH
from spine.case import LOOK_BACK, Case
from spine.family import family_of
from spine.finding import Finding
from spine.incident import Incident
from spine.reach import Reach
from store import events, incidents, known, leases
from store.engine import Database
from tasks.answering import answers_in


def read_case(database: Database, incident: Incident, now: datetime) -> Case:
    """The case at `now`. Events that cannot be read make it unreadable, and every guard on it fails closed."""
    with database.system() as connection:
        rows = incidents.evidence_rows(connection, incident.id)
        tried = {
            lease.action_key for lease in leases.of_incident(connection, incident.id) if lease.applied_at is not None
        }
    findings = [_finding(incident, row) for row in rows if row["source"].startswith("detector:")]
    seen = [row["id"] for row in rows]
    answers = answers_in(rows)
    return Case.of(
        incident, findings, now=now, seen=seen, answers=answers, tried=tried, **_read(database, incident, now)
    )


def _read(database: Database, incident: Incident, now: datetime) -> dict[str, Any]:
    """What the event store knows; None where it could not be asked."""
    reach, family = Reach.of(incident), family_of(incident.kind)
    try:
        with database.system() as connection:
            logins = events.recent_events(connection, reach, family, now - LOOK_BACK, now)
            users = sorted({str(u) for u in logins["user_id"].dropna()})
            good = known.known_before(
                connection,
                reach,
                incident.first_event_at,
                users=users,
                addresses=sorted({str(a) for a in logins["ip"].dropna()}),
                family=family,
            )
            return {
                "logins": logins,
                "known_users": good.users,
                "known_addresses": good.addresses,
                "residents": good.residents,
                "watermark": known.watermark(connection, reach),
                "usual": known.usual(connection, reach, now, family),
                "ways": known.ways_in(connection, reach, now, users) if incident.kind is OAUTH else None,
            }
    except SQLAlchemyError:
        return {"logins": None, "known_users": None, "known_addresses": None, "watermark": None}


def _finding(incident: Incident, row: dict[str, Any]) -> Finding:
    """A finding that made the incident, from its frozen evidence."""
    body = row["body"]
    return Finding(
        tenant_id=incident.tenant_id,
        kind=incident.kind,
        detector=row["source"].removeprefix("detector:"),
        subject=incident.subject,
        window_start=row["window_start"],
        window_end=row["window_end"],
        n=row["n"],
        observed=row["observed"],
        threshold=row["threshold"],
        margin=body["margin"],
        severity=incident.severity,
        first_event_at=incident.first_event_at,
        addresses=tuple(body["addresses"]),
        synthetic=incident.synthetic,
        drill_id=incident.drill_id,
    )
