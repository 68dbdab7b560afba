"""How things look from outside. Names and words are stable; what is new is added, nothing is renamed."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from spine.approval import Approval, Ballot
from spine.incident import Incident
from spine.lease import Lease
from spine.suppression import Suppression
from store.read.keys import KeyRow
from store.read.people import Member
from store.read.trail import TrailEntry

_WHEN = "2026-11-23T03:04:05Z"
_INCIDENT = "0b5d9c1e-7f0a-5a4e-8a3c-1d2e3f405060"
SeverityLabel = Literal["info", "medium", "high", "critical"]


class View(BaseModel):
    """Base of everything that is answered."""

    model_config = ConfigDict(frozen=True)


class IncidentView(View):
    """One open problem of one kind, for one subject of the tenant."""

    id: UUID = Field(examples=[_INCIDENT])
    kind: str = Field(examples=["FAILED_LOGINS_SPIKE"])
    subject: str = Field(examples=["tenant"], description="What its evidence is about: the tenant, a provider, a user.")
    status: str = Field(examples=["awaiting_approval"])
    severity: SeverityLabel
    title: str = Field(examples=["Failed logins: 1,840 from 20 addresses in 15 minutes"])
    attack: str | None = Field(default=None, description="Class of attack, as far as it is known.")
    first_event_at: datetime = Field(examples=[_WHEN])
    opened_at: datetime = Field(examples=[_WHEN])
    last_finding_at: datetime = Field(examples=[_WHEN])
    acknowledged_at: datetime | None = None
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    reopens: UUID | None = Field(default=None, description="The ended incident this one follows.")
    suppressed_by: UUID | None = Field(default=None, description="The window that holds its page and its actions back.")
    drill: bool = False
    run: UUID | None = Field(default=None, description="The flow run that works on it.")
    addresses: int = Field(default=0, description="How many addresses its evidence names.")
    users: int = Field(default=0, description="How many users its evidence names.")

    @classmethod
    def of(cls, one: Incident) -> "IncidentView":
        """The incident as it is shown."""
        return cls(
            id=one.id, kind=one.kind.value, subject=one.subject, status=one.status.value, severity=_label(one),
            title=one.title, attack=one.summary.get("class"), first_event_at=one.first_event_at,
            opened_at=one.opened_at, last_finding_at=one.last_finding_at, acknowledged_at=one.acknowledged_at,
            mitigated_at=one.mitigated_at, resolved_at=one.resolved_at, reopens=one.reopens,
            suppressed_by=one.suppressed_by, drill=one.synthetic, run=one.flow_run_id,
            addresses=int(one.summary.get("addresses_total", 0)), users=int(one.summary.get("users_total", 0)),
        )  # fmt: skip


class TimelineLine(View):
    """One line of an incident's story."""

    at: datetime = Field(examples=[_WHEN])
    kind: str = Field(examples=["decision"])
    actor: str = Field(examples=["engine"])
    summary: str
    detail: dict[str, Any] = {}


class EvidenceView(View):
    """A receipt for what was seen."""

    id: UUID
    source: str = Field(examples=["detector:tenant_ratio"])
    query: str
    window_start: datetime
    window_end: datetime
    n: int = Field(description="Events it rests on.")
    observed: dict[str, Any]
    threshold: dict[str, Any]
    sha256: str
    created_at: datetime


class ApprovalView(View):
    """A question to people about some steps of one plan."""

    id: UUID
    incident_id: UUID | None = Field(description="null = it is about no incident, but about a flag.")
    decision_id: UUID | None
    gate: str = Field(examples=["approve"])
    steps: list[int] = Field(description="Orders of the plan's steps it is about.")
    risk: str = Field(examples=["high"])
    plan_hash: str = Field(description="What a yes signs.")
    requester: str = Field(examples=["engine"])
    status: str = Field(examples=["pending"])
    votes_needed: int
    requested_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None
    via: str | None = None
    reason: str | None = None
    ratify_by: datetime | None = Field(
        default=None, description="Break-glass was used: ratified by then, or taken back."
    )
    ratified_at: datetime | None = None
    drill: bool = False

    @classmethod
    def of(cls, one: Approval) -> "ApprovalView":
        """The approval as it is shown."""
        return cls(
            id=one.id, incident_id=one.incident_id, decision_id=one.decision_id, gate=one.gate.label,
            steps=list(one.steps), risk=one.risk.value, plan_hash=one.plan_hash, requester=one.requester,
            status=one.status.value, votes_needed=one.votes_needed, requested_at=one.requested_at,
            expires_at=one.expires_at, decided_at=one.decided_at, via=one.via, reason=one.reason,
            ratify_by=one.ratify_by, ratified_at=one.ratified_at, drill=one.synthetic,
        )  # fmt: skip


class VoteView(View):
    """One vote that counts."""

    person: str | None = Field(description="Their address, if they hold a role in this tenant.")
    vote: str
    via: str
    stepped_up: bool
    reason: str
    at: datetime

    @classmethod
    def of(cls, one: Ballot, email: str | None) -> "VoteView":
        """The vote as it is shown."""
        return cls(person=email, vote=one.vote, via=one.via, stepped_up=one.stepped_up, reason=one.reason, at=one.at)


class MitigationView(View):
    """One action in force, or that was: a lease that ends by itself."""

    id: UUID
    incident_id: UUID
    decision_id: UUID
    step: int
    action: str = Field(examples=["ip.throttle"])
    params: dict[str, Any]
    targets: list[str] = Field(examples=[["203.0.113.7/32"]])
    state: str = Field(examples=["active"])
    created_at: datetime
    applied_at: datetime | None = None
    expires_at: datetime | None = None
    reverted_at: datetime | None = None
    late_seconds: float | None = None
    error: str | None = None
    revert_reason: str | None = None
    drill: bool = False

    @classmethod
    def of(cls, one: Lease) -> "MitigationView":
        """The lease as it is shown."""
        return cls(
            id=one.id, incident_id=one.incident_id, decision_id=one.decision_id, step=one.step,
            action=one.action_key, params=one.params, targets=list(one.targets), state=one.state.value,
            created_at=one.created_at, applied_at=one.applied_at, expires_at=one.expires_at,
            reverted_at=one.reverted_at, late_seconds=one.late_seconds, error=one.error,
            revert_reason=one.revert_reason, drill=one.shadow,
        )  # fmt: skip


class SuppressionView(View):
    """A window in which alarms are expected: it holds back pages and automatic actions, never the record."""

    id: UUID
    reason: str = Field(examples=["deploy"])
    kind: str | None = Field(description="Kind of incident; null = all.")
    owner: str = Field(examples=["person:ann@example.org"])
    note: str
    starts_at: datetime
    ends_at: datetime
    cancelled_at: datetime | None = None

    @classmethod
    def of(cls, one: Suppression) -> "SuppressionView":
        """The window as it is shown."""
        return cls(
            id=one.id, reason=one.reason.value, kind=one.kind.value if one.kind else None, owner=one.owner,
            note=one.note, starts_at=one.starts_at, ends_at=one.ends_at, cancelled_at=one.cancelled_at,
        )  # fmt: skip


class AuditView(View):
    """One entry of the audit trail with its place in the chain."""

    seq: int
    id: UUID
    hash: str = Field(description="SHA-256 of the hash before and this entry's canonical JSON.")
    previous: str
    event: dict[str, Any] = Field(description="The CloudEvent that the hash covers.")

    @classmethod
    def of(cls, one: TrailEntry) -> "AuditView":
        """The entry as it is shown."""
        return cls(seq=one.seq, id=one.id, hash=one.hash, previous=one.previous, event=one.event)


class PersonView(View):
    """Somebody with a role in this tenant."""

    id: UUID
    email: str = Field(examples=["ann@example.org"])
    name: str
    roles: list[str] = Field(examples=[["responder"]], description="Held in this tenant.")
    everywhere: list[str] = Field(description="Held in every tenant; an operator changes these.")
    created_at: datetime
    disabled_at: datetime | None = None

    @classmethod
    def of(cls, one: Member) -> "PersonView":
        """The person as this tenant sees them."""
        return cls(
            id=one.id, email=one.email, name=one.name, roles=[role.value for role in one.roles],
            everywhere=[role.value for role in one.everywhere], created_at=one.created_at,
            disabled_at=one.disabled_at,
        )  # fmt: skip


class KeyView(View):
    """An API key; its secret is nowhere to be had."""

    id: UUID
    name: str = Field(examples=["shop"])
    scopes: list[str] = Field(examples=[["events:write"]])
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @classmethod
    def of(cls, one: KeyRow) -> "KeyView":
        """The key as it is shown."""
        return cls(
            id=one.id, name=one.name, scopes=list(one.scopes), created_at=one.created_at,
            last_used_at=one.last_used_at, revoked_at=one.revoked_at,
        )  # fmt: skip


def _label(one: Incident) -> SeverityLabel:
    labels: tuple[SeverityLabel, ...] = ("info", "medium", "high", "critical")
    return labels[one.severity]
