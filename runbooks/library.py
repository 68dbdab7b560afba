"""The whole domain in memory: one call from what an application knows to a decision. No database, no flows.

Nothing is stored and nothing is done: whoever calls decides what to make of the steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runbooks import catalogue
from spine.auth_event import OpsAuthEvent
from spine.case import Case, Usual
from spine.decision.engine import decide
from spine.decision.rules import FlagState, Rules
from spine.detect.severity import COMPROMISED
from spine.detect.told import events_of, told
from spine.errors import Refused
from spine.finding import Finding
from spine.ids import TenantId, tenant_id
from spine.incident import Incident, IncidentKind, IncidentStatus, incident_id
from spine.plan import Decision, FlagChange, RollbackPlan, Step
from spine.settings import Settings
from spine.severity import Severity
from tasks.mitigations import actions


@dataclass(frozen=True, slots=True, kw_only=True)
class SpineAnswer:
    """What the spine makes of it."""

    decision: Decision
    steps: tuple[Step, ...]
    recommended_flags: tuple[FlagChange, ...]
    rollback_plan: RollbackPlan | None
    incidents: tuple[Incident, ...]
    """Empty when nothing crossed its line."""


def run_auth_ops_spine(event: OpsAuthEvent | Mapping[str, Any], *, settings: Settings | None = None) -> SpineAnswer:
    """Detect, diagnose and decide on what `event` tells. The same event gives the same `decision_id`.

    Raises:
        pydantic.ValidationError: `event` is no OpsAuthEvent.
        Refused: its tenant is malformed, an event is, or its type has no runbook.
    """
    given = event if isinstance(event, OpsAuthEvent) else OpsAuthEvent.model_validate(dict(event))
    rules = settings or Settings()
    tenant, now = tenant_id(given.tenant), given.occurred_at
    kind = given.incident_type or IncidentKind.FAILED_LOGINS_SPIKE
    runbook = catalogue().get(kind)
    if runbook is None:
        raise Refused("runbook.unknown", f"there is no runbook for {kind.value} yet; nothing was decided")
    snapshot = given.metrics_snapshot
    events = events_of(snapshot, tenant, now)
    findings = told(snapshot, events, kind, tenant, now, rules)
    incident = _incident(given, kind, tenant, findings)
    ruled = Rules.of(rules)
    case = Case.of(
        incident,
        findings,
        now=now,
        logins=events,
        known_users=snapshot.known_users,
        known_addresses=snapshot.known_addresses,
        watermark=now,
        usual=Usual(failures_per_hour=snapshot.usual_failures_per_hour, success_rate=snapshot.usual_success_rate),
        site=ruled.site,
    )
    flags = {key: FlagState(version=flag.version, value=flag.value) for key, flag in snapshot.flags.items()}
    specs = {key: mitigation.spec for key, mitigation in actions().items()}
    decision = decide(case, runbook.diagnose(case), runbook, specs, rules=ruled, flags=flags)
    return SpineAnswer(
        decision=decision,
        steps=decision.steps,
        recommended_flags=decision.recommended_flags,
        rollback_plan=decision.rollback_plan,
        incidents=(incident,) if case.firing else (),
    )


def _incident(event: OpsAuthEvent, kind: IncidentKind, tenant: TenantId, findings: Sequence[Finding]) -> Incident:
    """In doubt the higher severity, among the findings' and the caller's guess."""
    severities = [f.severity for f in findings]
    if severities and event.severity_guess is not None:
        severities.append(event.severity_guess)
    first = min((f.first_event_at for f in findings if f.margin >= 1), default=event.occurred_at)
    return Incident(
        id=incident_id(tenant, kind, event.event_id),
        tenant_id=tenant,
        kind=kind,
        subject="tenant",
        status=IncidentStatus.OPEN,
        severity=max(severities, default=Severity.INFO),
        title=catalogue()[kind].title,
        first_event_at=first,
        opened_at=event.occurred_at,
        last_finding_at=event.occurred_at,
        summary={
            "addresses": sorted({a for f in findings for a in f.addresses}),
            "compromised_users": max((f.observed.get(COMPROMISED, 0) for f in findings), default=0),
        },
    )
