"""Ramps: a flag that reaches more users step by step. Who has it at one step keeps it at the next. Pure.

Source: RUNBOOKS 5 (1, 10, 50, 100 %).
"""

from datetime import datetime, timedelta
from typing import Any

from spine.errors import Refused
from spine.flag.definition import Definition
from spine.launch import STEPS

ON, OFF = "on", "off"


def reached(definition: Definition) -> int | None:
    """The share of users (percent) that has the flag on; None = its rule is no ramp's."""
    if not _switch(definition):
        return None
    if not definition.targeting:
        return 100 if definition.default_variant == ON else 0
    shares = definition.targeting.get("fractional")
    if isinstance(shares, list) and len(shares) == 2 and len(definition.targeting) == 1:
        for percent in STEPS:
            if shares == _shares(percent):
                return percent
    return None


def at_percent(definition: Definition, percent: int) -> dict[str, Any]:
    """`definition` so that it is on for `percent` of the users, by targetingKey."""
    body = definition.stored()
    body.pop("targeting", None)
    body["defaultVariant"] = ON if percent == STEPS[-1] else OFF
    if 0 < percent < STEPS[-1]:
        body["targeting"] = {"fractional": _shares(percent)}
    return body


def next_step(key: str, definition: Definition) -> int:
    """The percent that comes next.

    Raises:
        Refused: it is no flag that a ramp can move, or it has reached everybody.
    """
    now = reached(definition)
    if now is None:
        raise Refused(
            "ramp.rule",
            f"{key} is no flag a ramp can move: it must be boolean, with the variants on and off, and with no rule of "
            "another kind. Nothing was changed.",
        )
    later = [step for step in STEPS if step > now]
    if not later:
        raise Refused("ramp.done", f"{key} has reached all users already; nothing was done.")
    return later[0]


def check_pause(key: str, since: datetime | None, now: datetime, pause: timedelta) -> None:
    """Raises Refused when the last step up is younger than `pause`: its users have not been seen yet."""
    if since is not None and now < since + pause:
        raise Refused(
            "ramp.early",
            f"{key} was moved at {since:%H:%M:%S} UTC; the next step up is allowed from {since + pause:%H:%M:%S} UTC, "
            "so that what the last one broke is seen first. Going back is allowed at once.",
        )


def _shares(percent: int) -> list[list[Any]]:
    return [[ON, percent], [OFF, 100 - percent]]


def _switch(definition: Definition) -> bool:
    return definition.variants == {ON: True, OFF: False}
