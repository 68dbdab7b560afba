"""The hash an approver signs: canonical JSON (RFC 8785) of everything that must not change unseen."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

import rfc8785

from spine.ids import DecisionId, TenantId, derive
from spine.plan import Decision, EvidenceRef, Frozen, Step, VerifyCriteria

_LARGEST = 2**53 - 1
"""Of the whole numbers canonical JSON can write; larger ones become text. Source: RFC 8785, appendix B."""


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of `value`."""
    return hashlib.sha256(rfc8785.dumps(_plain(value))).hexdigest()


def plan_hash(
    *,
    runbook: str,
    policy_version: str,
    tenant: str,
    incident: UUID,
    environment: str,
    steps: tuple[Step, ...],
    verify: VerifyCriteria | None,
    evidence: tuple[EvidenceRef, ...],
    expires_at: datetime,
) -> str:
    """The plan's hash: runbook and policy version, actions, parameters, targets, gates, blast radius, flag
    versions, criteria of success, evidence and expiry."""
    return digest(
        {
            "runbook": runbook,
            "policy": policy_version,
            "tenant": tenant,
            "incident": incident,
            "environment": environment,
            "steps": steps,
            "verify": verify,
            "evidence": sorted(e.sha256 for e in evidence),
            "expires_at": expires_at,
        }
    )


def of_decision(decision: Decision) -> str:
    """The plan hash a decision ought to have; unequal to `decision.plan_hash` = somebody changed it."""
    return plan_hash(
        runbook=decision.ruleset_version,
        policy_version=decision.policy_version,
        tenant=decision.tenant,
        incident=decision.incident_id,
        environment=decision.environment,
        steps=decision.steps,
        verify=decision.verify,
        evidence=decision.evidence,
        expires_at=decision.expires_at,
    )


def decision_id(tenant: TenantId, content: Mapping[str, Any]) -> DecisionId:
    """Derived from the whole content: same inputs, same id."""
    return DecisionId(derive("decision", tenant, digest(content)))


def _fields(value: Frozen) -> Iterator[tuple[str, Any]]:
    """Its fields by name; one that says nothing (`exclude_if`) leaves the hash of plans without it as it was."""
    for name, field in type(value).model_fields.items():
        told = getattr(value, name)
        if field.exclude_if is None or not field.exclude_if(told):
            yield name, told


def _plain(value: Any) -> Any:  # noqa: PLR0911 - one line per kind of value
    if isinstance(value, Frozen):
        return _plain(dict(_fields(value)))
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and abs(value) > _LARGEST:
        return str(value)
    return value
