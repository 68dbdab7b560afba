"""The parts that checks look at: a database of the test's own, a clock, nobody else."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from spine.clock import ManualClock
from spine.health import Reading
from spine.settings import Settings
from store.engine import Database
from tasks.checking import ask_all
from tasks.checks import Ports, checks


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 4, 12, 0, tzinfo=UTC))


@pytest.fixture
def ports(database: Database, clock: ManualClock, tmp_path: Any) -> Ports:
    settings = Settings(data_dir=tmp_path)
    settings.prefect.api_url = "http://127.0.0.1:9/api"
    return Ports(settings, clock, database)


@pytest.fixture
def ask(ports: Ports) -> Callable[..., Reading]:
    """Asks one check what it says, of `ports` unless told otherwise."""

    def asked(key: str, of: Ports = ports) -> Reading:
        ((_, (reading, _)),) = ask_all([checks()[key]], of, 5)
        return reading

    return asked
