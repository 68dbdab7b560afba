"""What a report may rest on: entries of the audit trail whose hash was recomputed, and how they are cited."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from spine.audit import AuditAction, Link, chain
from spine.errors import Broken
from spine.ids import TenantId

_SHOWN = 6
"""Hexadecimal digits of an entry's hash in a citation; the list at the end has all of it."""
_MARK = re.compile(r"#(\d+) ([0-9a-f]{6})(?![0-9a-f])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a tenant's audit chain, as a fact may rest on it. Make it with `of()`."""

    tenant: TenantId
    seq: int
    """Its number in the tenant's chain."""
    hash: str
    """Hexadecimal."""
    at: datetime
    action: AuditAction
    actor: str
    subject: str
    outcome: str
    incident_id: UUID | None
    plan_hash: str | None
    before: Any
    after: Any
    detail: Any

    @classmethod
    def of(cls, link: Link) -> Self:
        """The entry in `link`.

        Raises:
            Broken: its hash is not the hash of its content: somebody changed it, and nothing may rest on it.
        """
        covered = link.committed
        if covered is None or chain(link.previous, covered) != link.hash:
            raise Broken(
                f"Entry {link.seq} of the audit trail of tenant {link.tenant_id} was changed: its hash is not the hash "
                "of its content. Nothing is reported from it; `opsspine audit verify` shows how far the damage goes."
            )
        event = json.loads(link.canonical)
        data = event["data"]
        return cls(
            tenant=link.tenant_id, seq=link.seq, hash=link.hash.hex(), at=datetime.fromisoformat(event["time"]),
            action=AuditAction(data["action"]), actor=str(data["actor"]), subject=str(data["subject"]),
            outcome=str(data["outcome"]), incident_id=UUID(data["incident"]) if data["incident"] else None,
            plan_hash=data["plan_hash"], before=data["before"], after=data["after"], detail=data["detail"],
        )  # fmt: skip

    @property
    def mark(self) -> str:
        """How it is cited: "#1234 ab12cd", its number and how its hash begins."""
        return f"#{self.seq} {self.hash[:_SHOWN]}"

    def told(self, name: str) -> Any:
        """What the entry says under `name`, in its detail or as what was there afterwards; None = nothing."""
        for part in (self.detail, self.after):
            if isinstance(part, dict) and part.get(name) is not None:
                return part[name]
        return None


Entries = tuple[Entry, *tuple[Entry, ...]]
"""At least one entry: what a fact rests on."""


def some(entries: Iterable[Entry]) -> Entries | None:
    """`entries` as something a fact may rest on; None = there are none, and so no fact."""
    found = list(entries)
    return (found[0], *found[1:]) if found else None


def cited(text: str) -> list[tuple[int, str]]:
    """Every citation in a rendered report: the entry's number, and how its hash begins."""
    return [(int(seq), begin) for seq, begin in _MARK.findall(text)]
