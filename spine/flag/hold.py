"""Holds: what leases put on top of a flag, and the one definition that comes out.

The time to live is in the rule itself (`$flagd.timestamp` below the end), so a hold lapses by itself, with
no writer alive; its stages, where it is eased off, are edges at which readers compose anew. Of several holds
the conditions are OR-ed and the metadata takes the strictest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from spine.easing import Stage, back_at
from spine.flag.definition import Definition

Scalar = bool | int | float | str
_MODES = ("off", "risk", "all")
"""Of `mode`, mildest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One lease's hold of one flag."""

    lease_id: UUID
    key: str
    variant: str
    condition: dict[str, Any] | None
    """JsonLogic saying for whom; None = for everybody of the tenant."""
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    created_at: datetime
    expires_at: datetime
    easing: tuple[Stage, ...] = ()

    def edges(self) -> list[datetime]:
        """When it changes by itself: with the second of each stage, and of its end."""
        begins = [self.expires_at - stage.before_end for stage in self.easing]
        return [edge.replace(microsecond=0) for edge in (*begins, self.expires_at)]

    def back(self, now: datetime) -> int:
        """The percentage of people who are let go already."""
        return back_at(self.easing, self.expires_at.replace(microsecond=0) - now.replace(microsecond=0))


def live(holds: Sequence[Hold], now: datetime) -> list[Hold]:
    """The holds in force at `now`, newest first: where variants differ, the newest decision wins.

    A rule knows whole seconds only and a hold ends with the second its end falls into, never later.
    """
    current = [h for h in holds if int(h.expires_at.timestamp()) > int(now.timestamp())]
    return sorted(current, key=lambda h: (h.created_at, h.lease_id), reverse=True)


def compose(base: Definition, holds: Sequence[Hold], now: datetime) -> Definition:
    """The definition an application sees: `base` with the holds that are in force at `now` on top."""
    current = [h for h in live(holds, now) if h.variant in base.variants]
    if not current:
        return base
    branches: list[Any] = []
    for variant in dict.fromkeys(h.variant for h in current):
        branches += [_any([_condition(h, now) for h in current if h.variant == variant]), variant]
    return Definition(
        variants=base.variants,
        default_variant=base.default_variant,
        targeting={"if": [*branches, base.targeting]},
        metadata=_metadata(base, current),
    )


def _condition(hold: Hold, now: datetime) -> dict[str, Any]:
    until = {"<": [{"var": "$flagd.timestamp"}, int(hold.expires_at.timestamp())]}
    limits = [hold.condition] if hold.condition else []
    if back := hold.back(now):
        limits.append(_still(hold, back))
    return {"and": [until, *limits]} if limits else until


def _still(hold: Hold, back: int) -> dict[str, Any]:
    """For whom it holds while `back` percent are let go: always the same people; the nameless are the last."""
    bucket = {"cat": [str(hold.lease_id), {"var": "targetingKey"}]}
    among = {"fractional": [bucket, ["held", 100 - back], ["back", back]]}
    return {"or": [{"!": [{"var": "targetingKey"}]}, {"==": [among, "held"]}]}


def _any(conditions: list[dict[str, Any]]) -> dict[str, Any]:
    return conditions[0] if len(conditions) == 1 else {"or": conditions}


def _metadata(base: Definition, current: Sequence[Hold]) -> dict[str, Scalar]:
    """The strictest of the holds; the base has a say only where it is switched the same way already."""
    merged: dict[str, Scalar] = {}
    sources = [h.metadata for h in current]
    if any(h.variant == base.default_variant for h in current):
        sources.append(base.metadata)
    for source in sources:
        for name, value in source.items():
            merged[name] = _stricter(name, merged[name], value) if name in merged else value
    return {**base.metadata, **merged}


def _stricter(name: str, held: Scalar, other: Scalar) -> Scalar:
    pick: Callable[..., Scalar] | None = _STRICTEST.get(name)
    return held if pick is None else pick(held, other)


def _stricter_mode(held: Scalar, other: Scalar) -> Scalar:
    ranks = {mode: rank for rank, mode in enumerate(_MODES)}
    return max(held, other, key=lambda mode: ranks.get(str(mode), len(_MODES)))


_STRICTEST: dict[str, Callable[..., Scalar]] = {
    "perMinute": min,
    "burst": min,
    "resetPerMinute": min,
    "resetBurst": min,
    "factorsBefore": min,
    "epoch": max,
    "notBefore": max,
    "resetMinutes": min,
    "verificationMinutes": min,
    "mode": _stricter_mode,
    "signupMode": _stricter_mode,
}
"""How two holds' metadata meet, by name; a name that is not here keeps the newest hold's value."""
