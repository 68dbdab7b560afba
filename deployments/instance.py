"""The running instance of a data folder: what `opsspine up` wrote down about it."""

import json
from typing import Any

from spine.errors import Refused
from spine.settings import Settings
from store.engine import Database

STATE_FILE = "instance.json"
READY_FILE = "runner.ready"
"""Touched by the runner once its deployments are registered."""


def instance(current: Settings) -> dict[str, Any] | None:
    """What is written about the running instance of this data folder, or None."""
    file = current.data_dir / STATE_FILE
    return dict(json.loads(file.read_text())) if file.exists() else None


def database(current: Settings, *, pool_size: int = 5, overflow: int = 10) -> Database:
    """The database of `DATABASE_URL`, else of the running instance; of its connections see `Database`.

    Raises:
        Refused: there is neither.
    """
    if current.database_url:
        return Database(current.database_url, pool_size=pool_size, overflow=overflow)
    running = instance(current)
    if running is None:
        raise Refused(
            "cli.down",
            f"No spine is running in {current.data_dir}, and DATABASE_URL is not set. "
            "Start one with `opsspine up`, or say where the database is.",
        )
    return Database(running["database_url"], pool_size=pool_size, overflow=overflow)
