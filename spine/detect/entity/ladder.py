"""The severity ladders of RUNBOOKS 2.6 and 2.7, where they rest on several users at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from spine.detect.scene import Scene
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.severity import Severity


def climbed(findings: Sequence[Finding], scene: Scene) -> list[Finding]:
    """The same findings; those on users and administrators are graver where several are hit, or one in several ways."""
    users: defaultdict[tuple[TenantId, IncidentKind], set[str]] = defaultdict(set)
    signals: defaultdict[tuple[TenantId, IncidentKind, str], set[str]] = defaultdict(set)
    for finding in findings:
        if finding.margin >= 1:
            users[finding.tenant_id, finding.kind].add(finding.subject)
            signals[finding.tenant_id, finding.kind, finding.subject].add(finding.detector)
    return [
        _risen(
            finding,
            len(users[finding.tenant_id, finding.kind]),
            len(signals[finding.tenant_id, finding.kind, finding.subject]),
            scene,
        )
        for finding in findings
    ]


def _risen(finding: Finding, users: int, signals: int, scene: Scene) -> Finding:
    if finding.margin < 1:
        return finding
    session, least = scene.settings.session, Severity.INFO
    if finding.kind is IncidentKind.SESSION_ANOMALIES:
        if users >= session.high_users or signals >= session.high_signals:
            least = Severity.HIGH
        if users >= session.critical_users:
            least = Severity.CRITICAL
    elif finding.kind is IncidentKind.SUSPICIOUS_ADMIN_LOGIN and users >= scene.settings.admin.critical_admins:
        least = Severity.CRITICAL
    return replace(finding, severity=max(finding.severity, least))
