"""What one playing of the demo is told."""

from dataclasses import dataclass
from typing import Literal

Approve = Literal["slack", "by-hand"]
Off = Literal["detector", "throttle", "verification"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """How to play it."""

    keep: bool = False
    """Leave everything running at the end."""
    approve: Approve = "slack"
    """Who decides: a scripted person in Slack, or whoever sits there."""
    off: Off | None = None
    """Play it with this part switched off, to see that it then fails."""
