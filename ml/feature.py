"""What a model sees of an incident: what was known when it opened, as numbers. Counts only, no address, no user."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

VERSION = 1
"""Rises with every change of the columns; a model of another version is not used."""
CATEGORIES = ("kind", "scope", "detector", "attack")
NUMBERS = (
    "severity", "margin", "detectors", "events", "window", "users", "addresses", "users_per_address",
    "compromised", "tenants", "ratio", "fold", "lead", "recurs", "suppressed",
)  # fmt: skip
COLUMNS = (*CATEGORIES, *NUMBERS)
_LOGGED = frozenset({"margin", "detectors", "events", "window", "users", "addresses", "users_per_address",
                     "compromised", "tenants", "fold", "lead"})  # fmt: skip
"""Counts over many orders of magnitude: a model sees log(1 + value)."""
_MOST = 1e9
_UNKNOWN = "unknown"


def features(snapshot: Mapping[str, Any]) -> dict[str, float | str]:
    """The features of one opening, in the units that people read. What is missing is 0 or "unknown"."""
    told = snapshot.get("detectors")
    named = told.items() if isinstance(told, Mapping) else ()
    detectors = {str(name): one for name, one in named if isinstance(one, Mapping)}
    name, best = max(detectors.items(), key=lambda pair: (_number(pair[1].get("margin")), pair[0]), default=("", {}))
    observed = best.get("observed")
    seen = observed if isinstance(observed, Mapping) else {}
    users, addresses = _number(snapshot.get("users")), _number(snapshot.get("addresses"))
    return {
        "kind": _text(snapshot.get("kind")), "scope": _text(snapshot.get("scope")), "detector": _text(name),
        "attack": _text(snapshot.get("class")), "severity": _number(snapshot.get("severity")),
        "margin": _number(best.get("margin")), "detectors": float(len(detectors)), "events": _number(best.get("n")),
        "window": _number(best.get("window_minutes")), "users": users, "addresses": addresses,
        "users_per_address": users / max(addresses, 1), "compromised": _number(snapshot.get("compromised")),
        "tenants": _number(snapshot.get("tenants")),
        "ratio": min(_number(seen.get("ratio", seen.get("ratio_lower_bound"))), 1.0),
        "fold": _number(seen.get("fold")), "lead": _number(snapshot.get("lead_minutes")),
        "recurs": _number(snapshot.get("recurs")), "suppressed": _number(snapshot.get("suppressed")),
    }  # fmt: skip


def frame(snapshots: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per opening in the columns COLUMNS, as models want them: counts as logarithms, every number finite."""
    rows = [features(snapshot) for snapshot in snapshots]
    columns: dict[str, Any] = {name: pd.Series([row[name] for row in rows], dtype=object) for name in CATEGORIES}
    for name in NUMBERS:
        values = [float(row[name]) for row in rows]
        columns[name] = pd.Series([math.log1p(v) for v in values] if name in _LOGGED else values, dtype="float64")
    return pd.DataFrame(columns, columns=list(COLUMNS))


def shown(name: str, value: float | str) -> str:
    """A feature's value for people."""
    if isinstance(value, str):
        return value.replace("_", " ")
    if name in ("recurs", "suppressed"):
        return "yes" if value else "no"
    if name == "ratio":
        return f"{value:.0%}"
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _number(value: object) -> float:
    """`value` as a number from 0 to a billion; what is none is 0."""
    if not isinstance(value, (int, float)):
        return 0.0
    number = float(min(max(value, 0), _MOST))
    return number if math.isfinite(number) else 0.0


def _text(value: object) -> str:
    return value[:60] if isinstance(value, str) and value else _UNKNOWN
