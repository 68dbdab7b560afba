"""Scenarios that mostly wait are played side by side on one running spine, a tenant each."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest

_AT_ONCE = 5


@pytest.fixture(scope="session")
def scenes(request: pytest.FixtureRequest, stack: Any, cast: Callable[[Any], Any]) -> Iterator[dict[str, Future[None]]]:
    """The scene of every selected test that asks for `played`, as many at once as two cores can bear."""
    items = [i for i in request.session.items if isinstance(i, pytest.Function) and "played" in i.fixturenames]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {i.nodeid: pool.submit(getattr(i.module, i.name.removeprefix("test_")), cast(stack)) for i in items}


@pytest.fixture
def played(request: pytest.FixtureRequest, scenes: dict[str, Future[None]]) -> Callable[[], None]:
    """Waits for this test's scene, the function of its module that bears its name without `test_`."""
    return scenes[request.node.nodeid].result


@pytest.fixture(scope="session")
def calm_stack(stack: Any, scenes: dict[str, Future[None]]) -> Any:
    """The running spine once all scenes are over: from here on tests may tear it down."""
    wait(scenes.values())
    return stack
