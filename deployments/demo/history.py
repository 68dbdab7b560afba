"""The week before: what the shop would have written, had it been connected all along."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from deployments.demo.traffic.population import SEED, Visitor

DAYS = 8
"""A full week and a day: baselines need seven days behind every moment of the demo."""
_QUIETEST = 0.1
"""The dead of the night, as a share of the busiest minute."""


def write_history(
    file: Path,
    visitors: Sequence[tuple[Visitor, float]],
    *,
    until: datetime,
    mistypes: float,
    seed: int = SEED,
) -> int:
    """Write the logins of `visitors` up to `until` as parquet; returns how many events.

    Args:
        visitors: everybody with how often they log in at the busiest hour, per second. The busiest hour is
            the one `until` lies in, so that the live traffic that follows is nothing unusual.
        mistypes: share of logins preceded by a failure (0..1).
    """
    chance = np.random.default_rng(seed)
    minutes = np.arange(DAYS * 24 * 60, 0, -1)
    rhythm = _QUIETEST + (1 - _QUIETEST) * ((1 + np.cos(minutes / (24 * 60) * 2 * np.pi)) / 2) ** 3
    weights = np.array([weight for _, weight in visitors])
    counts = chance.poisson(weights.sum() * 60 * rhythm)
    ago = np.repeat(minutes, counts) * 60.0 - chance.uniform(0, 59, counts.sum())
    who = chance.choice(len(visitors), size=counts.sum(), p=weights / weights.sum())
    mistyped = np.flatnonzero(chance.random(counts.sum()) < mistypes)
    ago = np.concatenate([ago, ago[mistyped] + 1.0])
    who = np.concatenate([who, who[mistyped]])
    failed = np.arange(len(ago)) >= len(ago) - len(mistyped)
    frame = _frame([visitor for visitor, _ in visitors], ago, who, failed, until)
    frame.to_parquet(file, index=False)
    return len(frame)


def _frame(
    visitors: Sequence[Visitor],
    ago: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    who: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    failed: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
    until: datetime,
) -> pd.DataFrame:
    order = np.argsort(-ago)
    ago, who, failed = ago[order], who[order], failed[order]
    people = pd.DataFrame(
        {
            "user_id": [v.name for v in visitors],
            "ip": [v.ip for v in visitors],
            "user_agent": [v.agent for v in visitors],
        }
    )
    frame = people.iloc[who].reset_index(drop=True)
    moments = pd.Timestamp(until) - pd.to_timedelta(ago, unit="s")
    frame.insert(0, "occurred_at", moments.astype("datetime64[us, UTC]"))
    frame.insert(0, "type", np.where(failed, "login_failed", "login_succeeded"))
    start = int((until - timedelta(days=DAYS + 1)).timestamp())
    frame.insert(0, "id", [f"past-{start:x}-{number:08x}" for number in range(len(frame))])
    return frame
