"""Is a runbook rehearsed? One that can hurt and was not drilled for long does nothing automatically any more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from spine.action import ActionSpec
from spine.plan import Risk
from spine.runbook import Runbook
from spine.settings import DrillSettings

_HIGH = frozenset({Risk.HIGH, Risk.CRITICAL})


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """When a kind's runbook was last rehearsed, and whether that is good enough."""

    last_passed: datetime | None
    """The end of its last passed drill in which something opened; None = there was none."""
    due: datetime
    """When the next one is due: counted from the last, or from when this installation began."""
    needed: bool
    """True for a runbook that may propose a high or critical action."""

    def overdue(self, now: datetime) -> bool:
        """True when a drill should have been passed by `now`, and matters."""
        return self.needed and now >= self.due

    def undrilled(self, now: datetime) -> str:
        """Why nothing may be automatic at `now`, in words that follow "because"; "" = it may."""
        if not self.overdue(now):
            return ""
        when = "never" if self.last_passed is None else f"last on {self.last_passed:%Y-%m-%d}"
        return f"its runbook can hurt and was {when} drilled: it was due on {self.due:%Y-%m-%d}, run `opsspine drill`"


def rehearsal(
    runbook: Runbook,
    actions: Mapping[str, ActionSpec[Any]],
    *,
    last_passed: datetime | None,
    installed_at: datetime,
    settings: DrillSettings,
) -> Rehearsal:
    """How `runbook` stands. A risk that depends on parameters or targets counts as high."""
    specs = (actions[key] for key in runbook.ladder if key in actions)
    needed = any(callable(spec.risk) or spec.risk in _HIGH or spec.many is not None for spec in specs)
    since = installed_at if last_passed is None else max(last_passed, installed_at)
    return Rehearsal(last_passed, since + timedelta(days=settings.fresh_days), needed)
