"""Launching: what a checklist found, what may be waived, whether it is GO. Pure; tasks/launching.py does the looking.

What could not be looked at is UNKNOWN, and an UNKNOWN blocker is as much a NO-GO as a failed one. Source: RUNBOOKS 5.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from spine.diagnostic import Answer, Check, Receipt, State
from spine.errors import Refused
from spine.ids import TenantId
from spine.person import Role

APPROVERS = frozenset({Role.INCIDENT_COMMANDER, Role.SECURITY_ADMIN})
"""Who may waive."""
STEPS = (1, 10, 50, 100)
"""Percent of users a launch reaches, one after the other. Source: RUNBOOKS 5."""


class Mark(StrEnum):
    """What one item came to."""

    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"


_MARKS = {State.OK: Mark.PASS, State.BAD: Mark.FAIL, State.UNKNOWN: Mark.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the checklist."""

    key: str
    title: str
    blocker: bool = True
    """True = nothing is launched without it."""
    waivable: bool = True
    """False = nobody may launch in spite of it: isolation and token tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was found for one item."""

    item: Item
    answer: Answer
    took: timedelta

    @property
    def mark(self) -> Mark:
        """PASS when all was seen and good, FAIL when anything was bad."""
        return _MARKS[self.answer.state]

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """What it rests on."""
        return self.answer.receipts

    @property
    def because(self) -> str:
        """The sentences of what is not good; of all, when everything is."""
        told = [c for c in self.answer.checks if c.state is not State.OK] or list(self.answer.checks)
        return "; ".join(f"{check.name}, {check.because}" for check in told) or "nothing was looked at"

    def stored(self) -> dict[str, Any]:
        """The plain values that are kept and shown."""
        return {
            "key": self.item.key, "title": self.item.title, "blocker": self.item.blocker,
            "mark": self.mark.value, "because": self.because, "took_seconds": round(self.took.total_seconds(), 3),
            "checks": [_check(one) for one in self.answer.checks],
            "receipts": [
                {"asked": one.asked, "at": one.at.isoformat(), "sha256": one.sha256, "size": one.size}
                for one in self.receipts
            ],
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """Somebody's word that an item does not hold a launch back, for a while."""

    id: UUID
    tenant_id: TenantId
    item: str
    approver: str
    """As the audit trail names them."""
    reason: str
    granted_at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """True while it counts."""
        return self.withdrawn_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """GO, or why not."""

    holding: tuple[str, ...]
    """Blockers that hold the launch back, as "FAIL key"; () = GO. No colon: "token…: x" would be hidden as a secret."""
    waived: tuple[str, ...]
    """Items that would hold it back without a waiver."""

    @property
    def go(self) -> bool:
        """True when nothing holds the launch back."""
        return not self.holding

    @property
    def outcome(self) -> str:
        """The verdict in words."""
        return "GO" if self.go else "NO-GO"


def judge(results: Sequence[Result], waivers: Iterable[Waiver], now: datetime) -> Judgement:
    """Whether to launch: every blocker passed, or is waived where that is allowed. An empty list is no GO."""
    waived = {one.item for one in waivers if one.holds(now)}
    bad = [one for one in results if one.item.blocker and one.mark is not Mark.PASS]
    spared = [one.item.key for one in bad if one.item.waivable and one.item.key in waived]
    holding = [f"{one.mark.value} {one.item.key}" for one in bad if one.item.key not in spared]
    if not any(one.item.blocker for one in results):
        holding.append("nothing was looked at")
    return Judgement(holding=tuple(holding), waived=tuple(spared))


def check_waiver(
    item: Item | None, key: str, *, reason: str, roles: Iterable[Role], now: datetime, until: datetime, most: timedelta
) -> None:
    """Raises Refused when this waiver may not be granted."""
    if item is None:
        raise Refused("launch.item", f"The checklist has no item {key[:60]!r}; `opsspine launch items` lists them.")
    if not item.waivable:
        raise Refused(
            "launch.never_waived",
            f"{key} is never waived: a launch without it may show one tenant's data to another, or accept forged "
            "tokens. Mend what it found, then check again.",
        )
    if not APPROVERS & set(roles):
        raise Refused(
            "launch.approver", "A waiver takes an incident commander or a security admin. Nothing was written."
        )
    if len(reason.strip()) < 10:
        raise Refused("launch.reason", "A waiver needs a reason that somebody understands in a month. Say more.")
    if not now < until <= now + most:
        raise Refused("launch.expiry", f"A waiver ends, at the latest after {most.days} days. Nothing was written.")


def _check(one: Check) -> dict[str, Any]:
    return {"name": one.name, "state": one.state.value, "because": one.because, "observed": dict(one.observed)}
