"""The whole domain in memory: one call from what an application knows to a decision. No database, no flows.

Nothing is stored and nothing is done: whoever calls decides what to make of the steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field

from runbooks import catalogue
from runbooks.reported import Reported, finding
from spine.case import LOOK_BACK, Case, Usual
from spine.decision.blast import attempts
from spine.decision.engine import decide
from spine.decision.rules import FlagState, Rules
from spine.detect import detect
from spine.detect.recorded import recorded
from spine.detect.severity import COMPROMISED
from spine.errors import Refused
from spine.event import Event, parse_event
from spine.family import family_of
from spine.finding import Finding
from spine.ids import NO_TENANT, TenantId, tenant_id
from spine.incident import Incident, IncidentKind, IncidentStatus, incident_id
from spine.plan import Decision, FlagChange, RollbackPlan, Step
from spine.settings import Settings
from spine.severity import Severity
from tasks.mitigations import actions


class FlagNow(BaseModel):
    """A flag's base as the caller knows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: int = Field(ge=1)
    value: Any


class MetricsSnapshot(BaseModel):
    """What the application measured. Names it has beyond these are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    events: tuple[Mapping[str, Any], ...] | None = Field(
        default=None, validation_alias=AliasChoices("events", "logins")
    )
    """The last hour's events of the incident's kind (logins, resets, callbacks …), as for `POST /api/ops/events`.
    Without them no blast radius can be estimated, and every step that needs one is denied."""
    known_users: frozenset[str] | None = None
    """Those of their users who had a success within 30 days before."""
    known_addresses: frozenset[str] | None = None
    """Those of their addresses where people lived before: most users who tried from there had got in."""
    failures_15m: int = Field(default=0, ge=0)
    """Used where there are no `events`; likewise the next two."""
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
    events = _events(snapshot, tenant, now)
    findings = _findings(snapshot, events, kind, tenant, now, rules)
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


def _events(snapshot: MetricsSnapshot, tenant: TenantId, now: datetime) -> pd.DataFrame | None:
    if snapshot.events is None:
        return None
    events = [_event(index, raw, tenant, now) for index, raw in enumerate(snapshot.events)]
    recent = [e.model_dump(mode="python") for e in events if now - LOOK_BACK <= e.occurred_at <= now]
    frame = pd.DataFrame(recent, columns=list(Event.model_fields))
    told = [one if isinstance(one, Mapping) else {} for one in frame["attributes"]]
    said = {name: pd.Series([one.get(name) for one in told], index=frame.index) for name in ("kid", "service")}
    return frame.assign(**said)


def _event(index: int, raw: Mapping[str, Any], tenant: TenantId, now: datetime) -> Event:
    parsed = parse_event({"id": str(index), **raw}, now=now, tenant=tenant)
    if isinstance(parsed, Event):
        return parsed
    raise Refused(f"event.{parsed.reason.value}", f"event {index} of the snapshot: {parsed.detail}")


def _findings(
    snapshot: MetricsSnapshot,
    events: pd.DataFrame | None,
    kind: IncidentKind,
    tenant: TenantId,
    now: datetime,
    settings: Settings,
) -> Sequence[Finding]:
    """Of logins what the detectors see in them; of other kinds, which need a history, what their numbers say."""
    if events is not None and kind is IncidentKind.FAILED_LOGINS_SPIKE:
        known = snapshot.known_addresses or frozenset()
        frames = recorded(events, tenant=tenant, now=now, known_addresses=known, settings=settings.detect)
        return [found for found in detect(frames, settings.detect) if found.kind is kind]
    counts = Reported(
        failures=snapshot.failures_15m, successes=snapshot.successes_15m, users=snapshot.users_15m,
        usual_failures_per_hour=snapshot.usual_failures_per_hour,
    )  # fmt: skip
    if events is not None:
        tried = attempts(events, since=now - LOOK_BACK, until=now, family=family_of(kind))
        counts = Reported.of(tried, now, snapshot.usual_failures_per_hour)
    found = finding(kind, counts, tenant=tenant, now=now, settings=settings)
    return [found] if found else []


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
