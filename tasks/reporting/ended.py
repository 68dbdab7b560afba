"""The report of an incident that ended: made once, kept by whoever runs this, noted in the trail with its hash."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import rfc8785
from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.errors import OpsSpineError
from spine.ids import IncidentId, TenantId
from spine.redact import redact_text
from spine.report.document import document
from spine.report.incident import incident_report
from spine.report.model import Report
from spine.settings import Settings
from store import audit, incidents
from store.engine import Database
from store.read.account import account

ACTOR = "engine"
_DUE = text("""
    select i.id from incidents i where i.status = 'resolved' and not i.synthetic and i.resolved_at >= :since
    and exists(select from audit_entries a where a.incident_id = i.id)
    and not exists(select from audit_entries a where a.incident_id = i.id and a.action = 'runbook.run'
                   and a.entry::jsonb #>> '{data,subject}' = 'report:' || i.id)
    order by i.resolved_at, i.id limit :most""")
_MOST = 20
"""Reports that one round asks for: after a storm the next rounds go on."""


@dataclass(frozen=True, slots=True)
class Made:
    """A report, and the hash by which it can be recognised."""

    report: Report
    sha256: str
    """Of its JSON document in canonical form (RFC 8785)."""


def due(connection: Connection, settings: Settings, now: datetime) -> list[IncidentId]:
    """Incidents that ended lately and have no report, the first ended first. Drills have their own."""
    since = now - timedelta(hours=settings.report.catch_up_hours)
    return [IncidentId(row.id) for row in connection.execute(_DUE, {"since": since, "most": _MOST})]


def make(database: Database, settings: Settings, incident_id: IncidentId, now: datetime) -> Made:
    """The report of the incident as things stand. Changes nothing but this: where it cannot be made, the trail says so,
    so that nobody tries again and again.

    Raises:
        Refused: there is no such incident.
        Broken: the trail holds nothing sound about it.
    """
    with database.system() as connection:
        tenant = incidents.get(connection, incident_id).tenant_id
    try:
        with database.tenant(tenant) as connection:
            report = incident_report(account(connection, incident_id, settings.report, now=now))
        return Made(report, hashlib.sha256(rfc8785.dumps(document(report))).hexdigest())
    except Exception as error:
        said = str(error) if isinstance(error, OpsSpineError) else type(error).__name__
        _note(database, tenant, incident_id, "failed", {"because": redact_text(said)}, now)
        raise


def keep(database: Database, made: Made, incident_id: IncidentId, now: datetime) -> None:
    """Note that the report was made and is kept: its hash stands in the trail."""
    detail = {"sha256": made.sha256, "facts": len(made.report.facts), "entries": len(made.report.entries)}
    _note(database, made.report.tenant, incident_id, "made", detail, now)


def _note(
    database: Database, tenant: TenantId, incident_id: IncidentId, outcome: str, detail: dict[str, object],
    now: datetime,
) -> None:  # fmt: skip
    with database.system() as connection:
        audit.append(
            connection, tenant, AuditAction.RUNBOOK_RUN, actor=ACTOR, at=now, subject=f"report:{incident_id}",
            incident_id=incident_id, outcome=outcome, detail=detail,
        )  # fmt: skip
