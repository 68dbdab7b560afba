"""The post-incident report: every section, in the order in which people read."""

from spine.report.account import Account
from spine.report.model import Report
from spine.report.part.approval import approvals
from spine.report.part.decision import decision
from spine.report.part.evidence import evidence
from spine.report.part.extra import extras
from spine.report.part.flag import flags
from spine.report.part.follow_up import follow_ups
from spine.report.part.frame import head, summary, title
from spine.report.part.harm import harm
from spine.report.part.lease import open_rollbacks
from spine.report.part.response import times
from spine.report.part.timeline import timeline
from spine.report.part.verification import verification

_PARTS = (
    summary, times, harm, follow_ups, open_rollbacks, timeline, decision, approvals, flags, verification, extras,
    evidence,
)  # fmt: skip


def incident_report(account: Account) -> Report:
    """The report of the incident. The same account makes the same report."""
    incident = account.incident
    return Report(
        kind="incident", tenant=incident.tenant_id, title=title(account), tone=incident.severity.label,
        head=head(account), sections=tuple(part(account) for part in _PARTS), made_at=account.made_at,
        broken=account.broken,
    )  # fmt: skip
