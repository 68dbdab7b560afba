"""Small entity frames built from a few words: for the examples of detectors, and for tests."""

from datetime import timedelta
from typing import Any

import pandas as pd

from spine.detect.entity.frames import ENTITY_COLUMNS, EntityFrames, entity_frame
from spine.detect.example import NOW
from spine.detect.frames import COLUMNS, Frames

_DEFAULTS: dict[str, Any] = {
    "tenant_id": "t1", "user_id": "u1", "synthetic": False, "drill_id": None, "ip": "192.0.2.7", "new_device": True,
    "probe": False, "allowed": False, "resource_tenant_id": "t2", "country": "DE", "country_seen": False,
    "other_country": None, "agent": "1", "acted": False, "break_glass": False,
    "n": 1, "measure": 1, "ips": ("192.0.2.7",),
}  # fmt: skip
_TIMES = ("at", "other_at", "first_at", "last_at")


def rows(name: str, *given: dict[str, Any]) -> pd.DataFrame:
    """Rows of the frame `name`; times are given in minutes before NOW."""
    return entity_frame(name, [tuple(_value(column, one) for column in ENTITY_COLUMNS[name]) for one in given])


def _value(column: str, given: dict[str, Any]) -> Any:
    value = given.get(column, _DEFAULTS.get(column))
    if column in _TIMES and value is not None:
        return round((NOW - timedelta(minutes=value)).timestamp() * 1_000_000)
    return value


def entity_frames(logins: pd.DataFrame | None = None, **frames: pd.DataFrame) -> Frames:
    """Frames that hold nothing but these entity frames (and `logins`)."""
    none = {name: pd.DataFrame(columns=list(columns)) for name, columns in COLUMNS.items()}
    if logins is not None:
        none["logins"] = logins
    return Frames(now=NOW, **none, entities=EntityFrames(**frames))
