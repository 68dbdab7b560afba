"""The whole domain in memory: one call from what an application knows to a decision. No database, no flows.

Nothing is stored and nothing is done: whoever calls decides what to make of the steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from runbooks import catalogue
from spine.case import LOOK_BACK, Case, Usual
from spine.decision.engine import decide
from spine.decision.rules import FlagState, Rules
from spine.detect import detect
from spine.detect.recorded import recorded
from spine.detect.severity import COMPROMISED
from spine.detect.tail import wilson_lower
from spine.errors import Refused
from spine.event import Event, parse_event
from spine.finding import Finding
from spine.ids import NO_TENANT, TenantId, tenant_id
from spine.incident import Incident, IncidentKind, IncidentStatus, incident_id
from spine.plan import Decision, FlagChange, RollbackPlan, Step
from spine.settings import Settings
from spine.severity import Severity
from tasks.mitigations import actions

WINDOW = timedelta(minutes=15)


class FlagNow(BaseModel):
    """A flag's base as the caller knows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: int = Field(ge=1)
    value: Any


class MetricsSnapshot(BaseModel):
    """What the application measured. Names it has beyond these are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    logins: tuple[Mapping[str, Any], ...] | None = None
    """The last hour's login events, as for `POST /api/ops/events`. Without them no blast radius can be
    estimated, and every step that needs one is denied."""
    known_users: frozenset[str] | None = None
    """Those of their users who logged in within 30 days before."""
    known_addresses: frozenset[str] | None = None
    """Those of their addresses where people lived before: most users who tried from there had got in."""
    failures_15m: int = Field(default=0, ge=0)
    """Used where there are no `logins`; likewise the next two."""
    successes_15m: int = Field(default=0, ge=0)
    users_15m: int = Field(default=0, ge=0)
    usual_failures_per_hour: float | None = Field(default=None, ge=0)
    usual_success_rate: float | None = Field(default=None, ge=0, le=1)
    flags: Mapping[str, FlagNow] = {}


class OpsAuthEvent(BaseModel):
    """What somebody saw, and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: str = Field(min_length=1, max_length=200)
    occurred_at: AwareDatetime
    tenant: str = NO_TENANT
    incident_type: IncidentKind | None = None
    severity_guess: Severity | None = None
    """A guess may raise the severity, never lower it."""
    metrics_snapshot: MetricsSnapshot = MetricsSnapshot()


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
        Refused: its tenant is malformed, a login event is, or its type has no runbook.
    """
    given = event if isinstance(event, OpsAuthEvent) else OpsAuthEvent.model_validate(dict(event))
    rules = settings or Settings()
    tenant, now = tenant_id(given.tenant), given.occurred_at
    kind = given.incident_type or IncidentKind.FAILED_LOGINS_SPIKE
    runbook = catalogue().get(kind)
    if runbook is None:
        raise Refused("runbook.unknown", f"there is no runbook for {kind.value} yet; nothing was decided")
    snapshot = given.metrics_snapshot
    logins = _logins(snapshot, tenant, now)
    findings = [f for f in _findings(snapshot, logins, tenant, now, rules) if f.kind is kind]
    incident = _incident(given, kind, tenant, findings)
    ruled = Rules.of(rules)
    case = Case.of(
        incident,
        findings,
        now=now,
        logins=logins,
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


def _logins(snapshot: MetricsSnapshot, tenant: TenantId, now: datetime) -> pd.DataFrame | None:
    if snapshot.logins is None:
        return None
    events = [_event(index, raw, tenant, now) for index, raw in enumerate(snapshot.logins)]
    recent = [e.model_dump(mode="python") for e in events if now - LOOK_BACK <= e.occurred_at <= now]
    return pd.DataFrame(recent, columns=list(Event.model_fields))


def _event(index: int, raw: Mapping[str, Any], tenant: TenantId, now: datetime) -> Event:
    parsed = parse_event({"id": str(index), **raw}, now=now, tenant=tenant)
    if isinstance(parsed, Event):
        return parsed
    raise Refused(f"event.{parsed.reason.value}", f"login {index} of the snapshot: {parsed.detail}")


def _findings(
    snapshot: MetricsSnapshot, logins: pd.DataFrame | None, tenant: TenantId, now: datetime, settings: Settings
) -> Sequence[Finding]:
    if logins is None:
        return _reported(snapshot, tenant, now, settings)
    known = snapshot.known_addresses or frozenset()
    return detect(
        recorded(logins, tenant=tenant, now=now, known_addresses=known, settings=settings.detect), settings.detect
    )


def _reported(snapshot: MetricsSnapshot, tenant: TenantId, now: datetime, settings: Settings) -> list[Finding]:
    """Rule (a) on the caller's own counts."""
    limit = settings.detect.tenant_ratio
    total = snapshot.failures_15m + snapshot.successes_15m
    if not total:
        return []
    usual = (snapshot.usual_failures_per_hour or 0.0) / 4
    observed = {
        "failures": float(snapshot.failures_15m),
        "ratio_lower_bound": float(wilson_lower(snapshot.failures_15m, total)),
        "users": float(snapshot.users_15m),
    }
    threshold = {
        "failures": max(float(limit.min_failures), limit.min_baseline_factor * usual),
        "ratio_lower_bound": limit.min_ratio,
        "users": float(limit.min_users),
    }
    margin = min(observed[name] / threshold[name] for name in observed)
    return [
        Finding(
            tenant_id=tenant,
            kind=IncidentKind.FAILED_LOGINS_SPIKE,
            detector="reported_counts",
            window_start=now - WINDOW,
            window_end=now,
            n=total,
            observed=observed,
            threshold=threshold,
            margin=margin,
            severity=Severity.MEDIUM if margin >= 1 else Severity.INFO,
            first_event_at=now - WINDOW,
        )
    ]


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
