"""Examples to learn from, made in a moment, and an installation with a model."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from cryptography.fernet import Fernet

from spine.settings import NotifySettings, Settings
from store.engine import Database
from tasks.ranking import training

NOW = datetime.now(UTC).replace(microsecond=0)


def lines(worlds: int = 3, days: int = 4, each: int = 10, seed: int = 1) -> list[dict[str, Any]]:
    """Openings of simulated worlds: attacks are over the line by more and touch more users than retry storms do.

    Severity tells little, and the wrong way round: a deterministic order by it can be improved on.
    """
    rng = np.random.default_rng(seed)
    made = []
    for number in range(worlds * days * each):
        real = bool(rng.random() < 0.55)
        grave = real and bool(rng.random() < 0.4)
        margin = float(rng.lognormal(0.9 if real else 0.2, 0.35))
        detector = {"margin": round(margin, 3), "n": int(rng.integers(5, 80)), "window_minutes": 15.0,
                    "observed": {"failures": 20.0, "ratio": float(rng.uniform(0.3, 0.9))}}  # fmt: skip
        snapshot = {
            "kind": "FAILED_LOGINS_SPIKE" if rng.random() < 0.7 else "SESSION_ANOMALIES", "scope": "tenant",
            "severity": int(rng.integers(0, 2)) + (0 if real else 1), "recurs": False, "suppressed": False,
            "lead_minutes": float(rng.uniform(0, 30)), "class": "stuffing" if grave else "spray",
            "detectors": {"unknown_address_users": detector},
            "addresses": int(rng.integers(1, 20)), "users": int(rng.integers(30, 300) if real else rng.integers(1, 60)),
            "compromised": int(grave), "tenants": 0,
        }  # fmt: skip
        world, day = number % worlds, number // worlds % days
        opened = datetime(2026, 2, 2, tzinfo=UTC) + timedelta(days=day, minutes=number)
        made.append(
            {
                "world": f"made/{world}", "opened_at": opened.isoformat(), "snapshot": snapshot,
                "outcome": "real" if real else "benign",
                "cause": ("stuffing" if grave else "spray") if real else "retry_storm",
                "grade": 3 if grave else 2 if real else 0, "worst": 3 if grave else 1,
            }
        )  # fmt: skip
    return made


@pytest.fixture(scope="session")
def made_lines() -> list[dict[str, Any]]:
    """Some worlds."""
    return lines()


@pytest.fixture
def installation() -> Settings:
    """Settings with a key of their own."""
    return Settings(env="prod", secret_key=Fernet.generate_key().decode(), notify=NotifySettings(mode=["log"]))


@pytest.fixture
def trained(database: Database, installation: Settings, made_lines: list[dict[str, Any]]) -> Any:
    """A challenger, trained on the worlds."""
    training.keep_samples(database, made_lines)
    return training.train(database, installation, NOW)


@pytest.fixture
def now() -> datetime:
    """The moment of the test."""
    return NOW


@pytest.fixture
def more_lines() -> Callable[..., list[dict[str, Any]]]:
    """Makes other worlds."""
    return lines
