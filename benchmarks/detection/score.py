"""Scores what a detector opened in worlds against what happened there.

A line of `incidents.jsonl` is one opened incident: `type`, `tenant_id` ("t0007"; null: all tenants), `opened_at`
(ISO 8601), and `user_id` where it is about one user. The rules of matching, for each line in order of time:

1. What opened in the history (before `warm_days`) does not count.
2. It *hits* the first observable incident of its type in its scope, if it opened between 2 s before that
   incident's start and 30 min after its end, and, where both name a user, names the same one. Scope: the same
   tenant; an incident of everybody is hit by lines of everybody and of the tenants it affects.
3. The first hit of an incident finds it; a further one is a *duplicate* (one more page at night).
4. A line without a hit is *collateral* when any incident, of any type, ran in its scope in the 2 h before it, or
   starts within 30 min after it: it has a cause, though it has the wrong name. Any other is a *false alert*.

Recall counts found among observable incidents; precision counts found against found and false. A type that did not
occur in the worlds has no recall, and no part in macro figures.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.detection.truth import EVERYBODY, TYPES

EARLY_SECONDS = 2
GRACE_SECONDS = 1_800
NEAR_BEFORE_SECONDS = 1_800
NEAR_AFTER_SECONDS = 7_200
PATIENT = "spray_slow"
"""Its times to detect are told apart: nobody can notice it within minutes."""
COUNTED = frozenset(TYPES) - {"TENANT_LEAK_RISK", "SESSION_ANOMALIES", "SUSPICIOUS_ADMIN_LOGIN"}
"""Types that are seen in counts. Of the others a single event may tell; their times would flatter the summary."""
Truth = dict[str, Any]
Line = dict[str, Any]


@dataclass(slots=True)
class Tally:
    """What happened with one type of incident."""

    there: int = 0
    found: int = 0
    false: int = 0
    duplicates: int = 0
    collateral: int = 0
    minutes: list[float] = field(default_factory=list)
    """Times to detect, but those of the patient kind."""
    patient_minutes: list[float] = field(default_factory=list)
    subtypes: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    """Found and all, by kind of incident."""

    @property
    def recall(self) -> float:
        """Share of incidents that were found."""
        return self.found / max(self.there, 1)

    @property
    def precision(self) -> float:
        """Share of true ones among found incidents and false alerts."""
        return self.found / max(self.found + self.false, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 0 when nothing was found."""
        return 2 * self.found / max(self.found + self.false + self.there, 1)

    @property
    def openings(self) -> float:
        """How often a found incident was opened."""
        return (self.found + self.duplicates) / max(self.found, 1)


@dataclass(slots=True)
class Score:
    """Tallies by type, over one or more worlds."""

    tenant_weeks: float = 0.0
    types: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in TYPES})

    def add(self, truth: Truth, lines: Iterable[Line]) -> None:
        """Count the lines of one world."""
        self.tenant_weeks += (truth["days"] - truth["warm_days"]) / 7 * truth["tenants"]
        found: set[int] = set()
        for line, at in _timed(truth, lines):
            tally, hit = self.types[line["type"]], _hit(truth, line, at)
            if hit is None:
                near = any(_is_near(incident, _scope(line), at) for incident in truth["incidents"])
                tally.collateral += near
                tally.false += not near
            elif hit["id"] in found:
                tally.duplicates += 1
            else:
                found.add(hit["id"])
                patient = hit["subtype"] == PATIENT
                (tally.patient_minutes if patient else tally.minutes).append((at - hit["start"]) / 60)
        for incident in truth["incidents"]:
            if incident["observable"]:
                tally = self.types[incident["type"]]
                tally.there += 1
                tally.found += incident["id"] in found
                tally.subtypes[incident["subtype"]][0] += incident["id"] in found
                tally.subtypes[incident["subtype"]][1] += 1

    def false_per_tenant_week(self, name: str) -> float:
        """False alerts of a type per tenant and week."""
        return self.types[name].false / self.tenant_weeks

    def summary(self) -> dict[str, Any]:
        """The figures over all types that occurred; times of the counted types, without slow sprays, alone."""
        tallies = self.types.values()
        f1 = [tally.f1 for tally in tallies if tally.there]
        minutes = [minute for name in COUNTED for minute in self.types[name].minutes]
        found = sum(tally.found for tally in tallies)
        return {
            "macro_f1": round(float(np.mean(f1)), 3) if f1 else None,
            "worst_f1": round(min(f1), 3) if f1 else None,
            "false_per_tenant_week": round(sum(self.false_per_tenant_week(name) for name in self.types), 4),
            **_percentiles(minutes),
            "openings_per_incident": round((found + sum(t.duplicates for t in tallies)) / max(found, 1), 2),
        }

    def table(self) -> dict[str, dict[str, Any]]:
        """The figures by type."""
        return {
            name: {
                "recall": round(tally.recall, 3),
                "precision": round(tally.precision, 3),
                "f1": round(tally.f1, 3),
                "false_per_tenant_week": round(self.false_per_tenant_week(name), 4),
                **_percentiles(tally.minutes),
                **({"slow_spray": _percentiles(tally.patient_minutes)} if PATIENT in tally.subtypes else {}),
                "opened_per_incident": round(tally.openings, 2),
                "collateral": tally.collateral,
                "found": {kind: f"{got}/{all_}" for kind, (got, all_) in sorted(tally.subtypes.items())},
            }
            for name, tally in self.types.items()
        }


def score(pairs: Sequence[tuple[Path, Path]]) -> Score:
    """The score over worlds, each given as its truth.json and a detector's incidents.jsonl."""
    total = Score()
    for truth, lines in pairs:
        total.add(json.loads(truth.read_text()), [json.loads(line) for line in lines.read_text().splitlines() if line])
    return total


def _timed(truth: Truth, lines: Iterable[Line]) -> Iterator[tuple[Line, float]]:
    """Lines after the history with their seconds since the origin, in order of time."""
    origin, warm = pd.Timestamp(truth["origin"]), truth["warm_days"] * 86400
    timed = [(line, (pd.Timestamp(line["opened_at"]) - origin).total_seconds()) for line in lines]
    yield from sorted(((line, at) for line, at in timed if at >= warm), key=lambda pair: pair[1])


def _hit(truth: Truth, line: Line, at: float) -> Any:
    scope = _scope(line)
    for incident in truth["incidents"]:
        if (
            incident["type"] == line["type"]
            and incident["observable"]
            and incident["start"] - EARLY_SECONDS <= at <= incident["end"] + GRACE_SECONDS
            and _is_in_scope(incident, scope)
            and _is_same_user(incident, line)
        ):
            return incident
    return None


def _scope(line: Line) -> int:
    return EVERYBODY if line.get("tenant_id") is None else int(line["tenant_id"][1:])


def _is_in_scope(incident: dict[str, Any], scope: int) -> bool:
    if incident["tenant"] == EVERYBODY:
        return scope == EVERYBODY or scope in incident["affected"]
    return bool(incident["tenant"] == scope)


def _is_same_user(incident: dict[str, Any], line: Line) -> bool:
    named, user = line.get("user_id"), incident.get("user")
    return not named or user is None or int(named.split("-u")[1]) == user


def _is_near(incident: dict[str, Any], scope: int, at: float) -> bool:
    if EVERYBODY not in (scope, incident["tenant"]) and incident["tenant"] != scope:
        return False
    return bool(incident["start"] - NEAR_BEFORE_SECONDS <= at <= incident["end"] + NEAR_AFTER_SECONDS)


def _percentiles(minutes: list[float]) -> dict[str, float | None]:
    if not minutes:
        return {"ttd_p50_min": None, "ttd_p95_min": None}
    middle, late = np.percentile(minutes, [50, 95])
    return {"ttd_p50_min": round(float(middle), 1), "ttd_p95_min": round(float(late), 1)}
