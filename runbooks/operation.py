"""What an operational runbook is: a routine of its own, not an answer to an incident."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet
from pydantic import SecretStr

from spine.clock import Clock
from spine.drill_score import Assertion, score
from spine.ids import TenantId, mint
from spine.settings import Settings
from store import operations
from store.engine import Database
from store.operations import OperationRun
from store.throwaway import throwaway

_REACHING = (
    "smtp",
    "slack",
    "webhook",
    "pagerduty",
    "apprise",
    "alertmanager",
    "notify",
    "probe",
    "launch",
    "identity",
)
"""Settings by which something outside is reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What an operation works with, and for whom."""

    database: Database
    settings: Settings
    clock: Clock
    tenant: TenantId
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    passed: bool
    outcome: str
    """In a word or two: "GO"."""
    rows: tuple[tuple[str, ...], ...]
    """What was found, for people; the first row is the head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operational runbook."""

    name: str
    """Stable: its file, its flow, and its rows in the database."""
    version: str
    title: str
    owner: str
    summary: str
    """The module's docstring."""
    steps: tuple[tuple[str, str], ...]
    """In order: what it is called, what it does."""
    commands: tuple[tuple[str, str], ...]
    """On the command line: the words, and what they do."""
    refuses: tuple[str, ...]
    """What it will not do, whoever asks."""
    run: Callable[[Desk], Coroutine[Any, Any, Outcome]]
    """Keeps what it came to (store/operations.py)."""
    drill: Callable[[Desk], Coroutine[Any, Any, Sequence[Assertion]]]
    """Plays it in a database of its own, with fake people: nothing and nobody outside is reached."""


async def rehearse(operation: Operation, desk: Desk) -> OperationRun:
    """Play an operation's drill in a throwaway database, and keep what came of it in the real one.

    Raises:
        Refused: our account may not create databases.
    """
    began = desk.clock.now()
    with throwaway(desk.database, application="operation-drill") as scratch:
        inside = Desk(
            database=scratch, settings=_silenced(desk.settings), clock=desk.clock, tenant=desk.tenant, who=desk.who
        )  # fmt: skip
        try:
            seen = tuple(await operation.drill(inside))
        except Exception as error:  # a drill that breaks off has failed, and says where
            seen = (Assertion("played", False, "to its end", f"{type(error).__name__}: {error}"[:500]),)
    run = _drilled(operation, desk, seen, began)
    with desk.database.system() as connection:
        operations.keep(
            connection, run, told={"score": run.detail["score"], "failed": [one.name for one in seen if not one.passed]}
        )
    return run


def _silenced(settings: Settings) -> Settings:
    """Settings under which nothing could leave, even if somebody sent it, and that open no secret of the real ones."""
    plain = {name: type(getattr(settings, name))() for name in _REACHING}
    return settings.model_copy(update={**plain, "secret_key": SecretStr(Fernet.generate_key().decode())})


def _drilled(operation: Operation, desk: Desk, seen: Sequence[Assertion], began: datetime) -> OperationRun:
    passed = bool(seen) and all(one.passed for one in seen)
    return OperationRun(
        id=mint(), tenant_id=desk.tenant, operation=operation.name, drill=True, who=desk.who, started_at=began,
        finished_at=desk.clock.now(), outcome="passed" if passed else "failed", passed=passed,
        detail={
            "score": round(score(seen), 3) if seen else 0.0,
            "assertions": [
                {"name": one.name, "passed": one.passed, "expected": one.expected, "observed": one.observed}
                for one in seen
            ],
        },
    )  # fmt: skip
