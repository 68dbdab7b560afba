"""The audit trail: entries with safe metadata, in a chain that shows every later change.

Each entry is a CloudEvent in canonical JSON (RFC 8785). Per tenant they form a chain,
`hash = SHA-256(previous hash ‖ commitment to the entry)`; the first link hangs on the tenant's genesis hash. Whoever
edits, deletes, reorders, truncates or forks it breaks a hash that can be recomputed anywhere. The commitment
(spine/commitment.py) lets what names a person be erased while everything else is proven as before.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from spine.canonical import canonical
from spine.clock import aware
from spine.commitment import Opening, commitment
from spine.ids import TenantId, derive
from spine.redact import Json, redact, redact_text


class AuditAction(StrEnum):
    """The 19 things that are written down."""

    INCIDENT_OPENED = "incident.opened"
    INCIDENT_UPDATED = "incident.updated"
    INCIDENT_ESCALATED = "incident.escalated"
    INCIDENT_CLOSED = "incident.closed"
    DIAGNOSIS_COMPLETED = "diagnosis.completed"
    DECISION_CREATED = "decision.created"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_DECIDED = "approval.decided"
    STEPUP_DECIDED = "stepup.decided"
    ACTION_EXECUTED = "action.executed"
    ACTION_DENIED = "action.denied"
    FLAG_CHANGED = "flag.changed"
    VERIFICATION_COMPLETED = "verification.completed"
    ROLLBACK_EXECUTED = "rollback.executed"
    NOTIFICATION_SENT = "notification.sent"
    POLICY_CHANGED = "policy.changed"
    """Policy, people, roles, keys and suppressions."""
    BREAKGLASS_USED = "breakglass.used"
    RUNBOOK_RUN = "runbook.run"
    """A drill, a launch check, an export."""
    HOOK_FAILED = "hook.failed"
    """A plug-in raised, hung, or is missing (spine/hook.py)."""


_OCSF_CLASS = {
    "incident": 2005, "diagnosis": 2005, "decision": 2005,
    "approval": 6003, "notification": 6003, "runbook": 6002, "hook": 6002,
    "stepup": 3002, "breakglass": 3002, "flag": 3004, "policy": 3004,
    "action": 7001, "verification": 7001, "rollback": 7001,
}  # fmt: skip
"""OCSF class hints by the action's noun. Source: OCSF 1.3 (2005 incident finding, 3002 authentication, 3004
entity management, 6002 application lifecycle, 6003 API activity, 7001 remediation activity)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that happened, already redacted. Make it with `entry()`."""

    tenant_id: TenantId
    action: AuditAction
    actor: str
    """Who: "engine", "person:<email>", "key:<name>", "slack:<team>/<user>" …"""
    at: datetime
    subject: str
    """What it was about, as "<noun>:<id>"."""
    outcome: str = "ok"
    incident_id: UUID | None = None
    plan_hash: str | None = None
    before: Json = None
    after: Json = None
    detail: Json = None

    @property
    def id(self) -> UUID:
        """UUIDv5 of everything it says: the same entry told twice is one entry."""
        return derive("audit", self.tenant_id, hashlib.sha256(canonical(self._data())).hexdigest())

    def event(self) -> dict[str, Any]:
        """The entry as a CloudEvent 1.0."""
        return {
            "specversion": "1.0",
            "id": str(self.id),
            "source": f"/opsspine/{self.tenant_id}",
            "type": f"opsspine.{self.action.value}",
            "time": self.at.isoformat(),
            "subject": self.subject,
            "datacontenttype": "application/json",
            "ocsfclass": _OCSF_CLASS[self.action.value.split(".")[0]],
            "tenant": self.tenant_id,
            "data": self._data(),
        }

    def canonical(self) -> bytes:
        """The bytes that are hashed: canonical JSON of the event."""
        return canonical(self.event())

    def _data(self) -> dict[str, Any]:
        return {
            "action": self.action.value,
            "actor": self.actor,
            "at": self.at.isoformat(),
            "subject": self.subject,
            "outcome": self.outcome,
            "incident": str(self.incident_id) if self.incident_id else None,
            "plan_hash": self.plan_hash,
            "before": self.before,
            "after": self.after,
            "detail": self.detail,
        }


def entry(
    tenant: TenantId,
    action: AuditAction,
    *,
    actor: str,
    at: datetime,
    subject: str,
    incident_id: UUID | None = None,
    plan_hash: str | None = None,
    before: object = None,
    after: object = None,
    outcome: str = "ok",
    detail: object = None,
) -> AuditEntry:
    """An entry with safe metadata: text and structures are redacted, the time must be aware.

    Raises:
        ValueError: `at` has no time zone, or `action` is none of the 19.
    """
    return AuditEntry(
        tenant_id=tenant,
        action=AuditAction(action),
        actor=redact_text(actor),
        at=aware(at),
        subject=redact_text(subject),
        incident_id=incident_id,
        plan_hash=plan_hash,
        before=redact(before),
        after=redact(after),
        outcome=redact_text(outcome),
        detail=redact(detail),
    )


def genesis(tenant: TenantId) -> bytes:
    """What the first entry of a tenant hangs on, so that no chain passes for another tenant's."""
    return hashlib.sha256(b"opsspine audit v1\x00" + tenant.encode()).digest()


def chain(previous: bytes, committed: bytes) -> bytes:
    """The hash of an entry that follows `previous`."""
    return hashlib.sha256(previous + committed).digest()


@dataclass(frozen=True, slots=True)
class Link:
    """One stored entry with its place in the chain."""

    tenant_id: TenantId
    seq: int
    previous: bytes
    hash: bytes
    canonical: bytes
    opening: Opening | None = None
    """None = the hash covers the text itself: a chain without anything that could ever be erased."""

    @property
    def committed(self) -> bytes | None:
        """What the hash covers; None = the text and its opening do not belong together."""
        if self.opening is None:
            return self.canonical
        try:
            return commitment(self.canonical, self.opening)
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    @classmethod
    def of_export(cls, line: Mapping[str, Any]) -> Self:
        """The link written by `exported`.

        Raises:
            KeyError, ValueError, TypeError: it is no exported entry.
        """
        event = {name: value for name, value in line.items() if name not in ("seq", "prevhash", "hash", "opening")}
        return cls(
            TenantId(str(line["tenant"])), int(line["seq"]), bytes.fromhex(line["prevhash"]),
            bytes.fromhex(line["hash"]), canonical(event),
            Opening.parse(line["opening"]) if "opening" in line else None,
        )  # fmt: skip

    def exported(self) -> str:
        """One line of NDJSON: the CloudEvent with its place in the chain as extension attributes."""
        event = json.loads(self.canonical)
        event |= {"seq": self.seq, "prevhash": self.previous.hex(), "hash": self.hash.hex()}
        if self.opening is not None:
            event["opening"] = self.opening.text()
        return canonical(event).decode()


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ended when somebody looked: its last number and hash."""

    tenant_id: TenantId
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class BadEntry:
    """The first entry at which a chain is broken, and how."""

    tenant_id: TenantId
    seq: int
    kind: str
    """edited | missing | reordered | forked | truncated | foreign | erased (with no receipt of it in the trail)"""
    because: str

    def __str__(self) -> str:
        return f"tenant {self.tenant_id}, entry {self.seq}: {self.kind}: {self.because}"


def verify_chain(links: Iterable[Link], tenant: TenantId, known: Iterable[Head] = ()) -> BadEntry | None:
    """The first bad entry of one tenant's chain, or None when it is whole.

    `links` come in order of `seq`. `known` are heads seen before (the head row, signed checkpoints): a chain
    that ends before one was truncated, one with another hash there was rewritten or forked.
    """
    heads = sorted(known, key=lambda head: head.seq)
    expected = Head(tenant, 0, genesis(tenant))
    for link in links:
        if bad := _bad_link(link, expected, tenant):
            return bad
        expected = Head(tenant, link.seq, link.hash)
        while heads and heads[0].seq <= link.seq:
            if bad := _bad_head(heads.pop(0), expected):
                return bad
    for head in heads:
        if bad := _bad_head(head, expected):
            return bad
    return None


def _bad_link(link: Link, before: Head, tenant: TenantId) -> BadEntry | None:
    checks = (
        (link.tenant_id == tenant, "foreign", f"it belongs to tenant {link.tenant_id}"),
        (link.seq != before.seq, "forked", "two entries claim this number"),
        (link.seq > before.seq, "reordered", f"it comes after entry {before.seq}"),
        (link.seq == before.seq + 1, "missing", f"it is gone: after entry {before.seq} comes {link.seq}"),
        (_holds(link), "edited", "its hash is not the hash of its content"),
        (link.previous == before.hash, "reordered", "it does not follow the entry before it: one was moved"),
    )  # fmt: skip
    for holds, kind, because in checks:
        if not holds:
            return BadEntry(tenant, before.seq + 1 if kind == "missing" else link.seq, kind, because)
    return None


def _holds(link: Link) -> bool:
    committed = link.committed
    return committed is not None and link.hash == chain(link.previous, committed)


def _bad_head(head: Head, reached: Head) -> BadEntry | None:
    if head.seq > reached.seq:
        because = f"the chain once reached entry {head.seq}, and now ends after {reached.seq}"
        return BadEntry(head.tenant_id, reached.seq + 1, "truncated", because)
    if head.seq == reached.seq and head.hash != reached.hash:
        return BadEntry(head.tenant_id, head.seq, "forked", "a head seen before has another hash for this entry")
    return None
