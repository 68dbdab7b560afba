"""Worlds as examples: what the product opened in them, labelled by what really happened."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.detection.detector import product
from benchmarks.detection.export import write
from benchmarks.detection.preset import Preset
from benchmarks.detection.score import EVERYBODY, Line, Truth, _hit, _is_near, _scope

CAUSE_OF = {
    "brute_single": "guessing", "cs_burst": "stuffing", "cs_distributed": "stuffing", "spray_slow": "spray",
    "admin_after_fail": "takeover", "admin_newcountry_day": "takeover", "admin_odd_newcountry": "takeover",
    "impossible_travel": "session_theft", "session_flood": "session_theft", "jwt_forge": "forged_tokens",
    "jwt_rotation": "key_rotation", "leak_bug": "isolation_bug", "leak_idor": "probing",
    "mail_outage": "mail_outage", "oauth_misconfig": "misconfiguration", "oauth_partial": "provider_outage",
    "reset_abuse": "mail_abuse", "verify_bots": "mail_abuse",
    "carrier_nat": "shared_network", "office_nat": "shared_network", "deploy": "deploy", "late_admin": "travel",
    "new_address": "travel", "new_browser": "travel", "trip": "travel", "vpn": "travel", "reset_campaign": "surge",
    "surge": "surge", "retry_storm": "retry_storm", "stray_scope": "other",
}  # fmt: skip
"""The cause of each kind of incident, and of each look-alike, as people would name it (spine/outcome.py)."""
_GRAVE = frozenset({"takeover", "stuffing", "isolation_bug", "session_theft", "probing"})
"""Somebody is in, or data is out: to be seen first."""


def samples(preset: Preset, seed: int, name: str) -> Iterator[dict[str, Any]]:
    """The examples of one world, oldest first: lines that `opsspine ml train --samples` reads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        write(preset, seed, path)
        truth = json.loads((path / "truth.json").read_text())
        yield from labelled(truth, product(path / "events.parquet", preset.history_days), f"{name}/{seed}")


def labelled(truth: Truth, lines: list[Line], world: str) -> Iterator[dict[str, Any]]:
    """Each line that opened after the history as an example.

    Its grade: 3 = a real incident that lets somebody in or data out, 2 = another real one, 1 = a part of something
    real (opened a second time, or under another name), 0 = nothing.
    """
    origin = pd.Timestamp(truth["origin"])
    found: set[int] = set()
    for line in sorted(lines, key=lambda one: str(one["opened_at"])):
        at = (pd.Timestamp(line["opened_at"]) - origin).total_seconds()
        if at < truth["warm_days"] * 86400 or not line["opening"]:
            continue
        hit = _hit(truth, line, at)
        near = next((one for one in truth["incidents"] if _is_near(one, _scope(line), at)), None)
        real = hit or near
        cause = CAUSE_OF[real["subtype"]] if real else _benign(truth, line, at)
        fresh = hit is not None and hit["id"] not in found
        grade = 0 if real is None else 1 if not fresh else 3 if cause in _GRAVE else 2
        if hit is not None:
            found.add(hit["id"])
        yield {
            "world": world,
            "opened_at": datetime.fromisoformat(line["opened_at"]).isoformat(),
            "snapshot": line["opening"],
            "outcome": "real" if real else ("benign" if cause else "false_alarm"),
            "cause": cause,
            "grade": grade,
            "worst": line["worst"],
        }


def _benign(truth: Truth, line: Line, at: float) -> str:
    """What a false alert fell for, as far as the world noted it: the look-alike that had begun last."""
    scope = _scope(line)
    seen = [
        one for one in truth["benign"]
        if scope in (EVERYBODY, one["tenant"]) or one["tenant"] == EVERYBODY
        if one["start"] <= at <= one["end"] + 7200
    ]  # fmt: skip
    return CAUSE_OF.get(max(seen, key=lambda one: one["start"])["name"], "other") if seen else ""
