"""A world as files: `events.parquet`, that the backtest reads, and `truth.json`, that the scorer reads."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.detection.address import spelt
from benchmarks.detection.batch import KINDS, NONE, PROVIDERS, Batch
from benchmarks.detection.geography import CODES
from benchmarks.detection.preset import Preset
from benchmarks.detection.truth import ORIGIN, write_truth
from benchmarks.detection.world import World, make


def frame(world: World, found: Batch) -> pd.DataFrame:
    """The events with the words of an event row; what belongs to an incident is not told."""
    names = np.array([f"t{number:04d}" for number in range(len(world.people))])
    tenant = names[found.tenant]
    users, places = np.unique(np.stack([found.tenant, found.user]), axis=1, return_inverse=True)
    spelt_users = np.array([f"{names[t]}-u{u}" for t, u in users.T.tolist()], dtype=object)
    return pd.DataFrame(
        {
            "id": [f"w{world.seed}-{number:08d}" for number in range(len(found))],
            "type": pd.Categorical(np.array(KINDS)[found.kind]),
            "occurred_at": ORIGIN + pd.to_timedelta(found.at, unit="s"),
            "tenant_id": pd.Categorical(tenant),
            "user_id": spelt_users[places.ravel()],
            "provider": pd.Categorical(np.array(PROVIDERS)[found.provider]),
            "ip": spelt(found.ip),
            "country": pd.Categorical(CODES[found.country]),
            "user_agent": pd.Categorical(np.array([f"browser-{n:03d}" for n in range(1000)])[found.agent]),
            "resource_tenant_id": np.append(names, [None])[np.where(found.foreign == NONE, len(names), found.foreign)],
        }
    )


def write(preset: Preset, seed: int, folder: Path) -> tuple[World, int]:
    """Make a world and write it to `folder`; returns it with the number of its events."""
    world, found = make(preset, seed)
    folder.mkdir(parents=True, exist_ok=True)
    frame(world, found).to_parquet(folder / "events.parquet", compression="zstd", index=False)
    write_truth(
        folder, world.incidents, world.episodes,
        tenants=preset.tenants, days=preset.days, warm_days=preset.history_days,
    )  # fmt: skip
    return world, len(found)
