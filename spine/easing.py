"""A way back in stages: before the end of a lease a growing share of people is let go, and watched.

Source: RUNBOOKS 2.3, Rollback.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """From `before_end` on, `back` percent of the people are held no longer."""

    before_end: timedelta
    back: int


def fitted(stages: Sequence[Stage], lasting: timedelta) -> tuple[Stage, ...]:
    """The stages of a lease of such a length: they take half of it at most, and shorter ones where it is short."""
    if not stages:
        return ()
    share = min(1.0, lasting / 2 / max(stage.before_end for stage in stages))
    return tuple(Stage(before_end=stage.before_end * share, back=stage.back) for stage in stages)


def back_at(stages: Sequence[Stage], left: timedelta) -> int:
    """The percentage that is let go when so much time is left."""
    return max((stage.back for stage in stages if left <= stage.before_end), default=0)
