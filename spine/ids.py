"""Every id is minted or derived here and nowhere else."""

import os
import re
import time
from datetime import UTC, datetime
from typing import NewType
from uuid import UUID, uuid5

from spine.errors import Refused

TenantId = NewType("TenantId", str)
IncidentId = NewType("IncidentId", UUID)
FindingId = NewType("FindingId", UUID)
DecisionId = NewType("DecisionId", UUID)
ApprovalId = NewType("ApprovalId", UUID)
LeaseId = NewType("LeaseId", UUID)
CommandId = NewType("CommandId", UUID)
PersonId = NewType("PersonId", UUID)
ChangeId = NewType("ChangeId", UUID)

NO_TENANT = TenantId("_")
"""The tenant of events that name none (single-tenant applications)."""

_NAMESPACE = UUID("6d0f2b0e-6a0c-5d52-9d0c-0b5f3f1f5a11")
_TENANT = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}\Z")


def tenant_id(text: str | None) -> TenantId:
    """A checked tenant id; None and '' mean the single tenant `_`.

    Raises:
        Refused: it has characters that no tenant id may have.
    """
    if not text:
        return NO_TENANT
    if not _TENANT.match(text):
        raise Refused(
            "tenant.malformed", f"{text[:40]!r} is no tenant id: 1 to 128 letters, digits, or ._:- are allowed"
        )
    return TenantId(text)


def derive(kind: str, tenant: TenantId, *parts: object) -> UUID:
    """The UUIDv5 of `kind`, `tenant` and `parts`: same input, same id, on every machine."""
    text = "\x1f".join([kind, tenant, *(_text(p) for p in parts)])
    return uuid5(_NAMESPACE, text)


def mint() -> UUID:
    """A new time-ordered id (UUIDv7, RFC 9562)."""
    millis = time.time_ns() // 1_000_000
    value = (millis << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


def _text(part: object) -> str:
    if isinstance(part, datetime):
        return part.astimezone(UTC).isoformat()
    return str(part)
