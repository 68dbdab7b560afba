"""How steps run as Prefect tasks: never cached, retried when the world was busy, never when policy said no."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from spine.errors import Broken, Refused

P = ParamSpec("P")
R = TypeVar("R")


def _worth_another_try(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """False for refusals and broken invariants: trying again would ask the same question."""
    try:
        state.result()
    except (Refused, Broken):
        return False
    except Exception:  # whatever it was, the world may have changed
        return True
    return False


def step(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a task of a function whose parameters are ids and plain values."""
    return task(
        name=name,
        task_run_name=name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=3,
        retry_delay_seconds=[0.5, 2, 5],
        retry_condition_fn=_worth_another_try,
    )
