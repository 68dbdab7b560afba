"""The weekly summary of a tenant: made, and told through the outbox by the tenant's own rules."""

from dataclasses import dataclass
from datetime import datetime

from spine.errors import Broken
from spine.ids import TenantId
from spine.notification import Topic
from spine.report.mark import citation
from spine.report.model import Passage, Report, Section, Table
from spine.report.term import Heading
from spine.report.week import headline, week_report
from spine.routing import News
from spine.settings import Settings
from spine.severity import Severity
from store import outbox, routes
from store.engine import Database
from store.read.week import tenants, week

_TOLD = (Heading.FALSE_ALARMS, Heading.WAITING, Heading.DRILLS, Heading.FOLLOW_UPS)
_LINES = 6
"""Lines of a section that a message tells; the summary itself has all."""


@dataclass(frozen=True, slots=True)
class Told:
    """One tenant's summary; `report` is None where its trail holds nothing to rest on, and `because` says so."""

    tenant: TenantId
    report: Report | None
    because: str = ""


def tell_weeks(database: Database, settings: Settings, now: datetime) -> list[Told]:
    """The summary of every tenant that had incidents within a year, told once a week however often this is run."""
    with database.system() as connection:
        found = tenants(connection, now)
    return [_tell(database, settings, tenant, now) for tenant in found]


def _tell(database: Database, settings: Settings, tenant: TenantId, now: datetime) -> Told:
    try:
        with database.tenant(tenant) as connection:
            weeks = week(connection, tenant, settings.report, fresh_days=settings.drill.fresh_days, now=now)
        report = week_report(weeks)
    except Broken as error:
        return Told(tenant, None, str(error))
    payload = {
        "summary": headline(weeks),
        "sections": [
            {"title": one.heading.value, "lines": lines}
            for one in report.sections
            if one.heading in _TOLD and (lines := _lines(one))
        ],
    }
    year, number, _ = now.isocalendar()
    news = News(tenant=tenant, topic=Topic.REPORT_WEEK, severity=Severity.INFO, kind=None, at=now)
    with database.system() as connection:
        outbox.put(
            connection, tenant, Topic.REPORT_WEEK, payload, severity=Severity.INFO, incident_id=None, now=now,
            dedupe=f"{Topic.REPORT_WEEK.value}:{year}-{number}",
            channels=[str(one) for one in routes.routed(connection, news, settings.notify).destinations],
        )  # fmt: skip
    return Told(tenant, report)


def _lines(section: Section) -> list[str]:
    """What a section says, with its citations, line by line."""
    lines: list[str] = []
    for block in section.blocks:
        if isinstance(block, Passage):
            lines += [f"{fact.text} {citation(fact.entries)}" for fact in block.facts]
        elif isinstance(block, Table):
            lines += [f"{', '.join(filter(None, row.cells))} {citation(row.entries)}" for row in block.rows]
    left = len(lines) - _LINES
    return lines[:_LINES] + ([f"and {left} more in the summary"] if left > 0 else [])
