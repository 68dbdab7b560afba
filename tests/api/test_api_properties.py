"""Whatever comes in, there is no 5xx and no answer that the document does not tell of."""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance

CHECKS = (not_a_server_error, status_code_conformance)
EXAMPLES = 6
"""Of each operation; with about eighty of them a run takes a minute or two."""
NEVER_ENDS = ("/stream",)
SAY_SO = ("/api/health", "/readyz")
"""Answer 503 when something is ill, as the document tells: nobody runs the rest of the spine here."""


@pytest.fixture
def schema(edge: Any, victim: Any) -> Any:
    """The document of the running gateway; the tenant globex has one of everything to be hit upon."""
    return schemathesis.openapi.from_dict(edge.app.openapi())


@pytest.mark.timeout(900)
def test_no_answer_is_a_5xx_or_undocumented(edge: Any, schema: Any) -> None:
    """Deterministic: the same examples every time. Who calls is a key with every scope."""
    key = edge.key("globex", name="properties")
    headers = {"Authorization": key.headers["authorization"]}
    failures: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        if any(part in operation.path for part in NEVER_ENDS):
            continue
        problem = _explore(operation, edge.url, headers)
        failures += [f"{operation.method.upper()} {operation.path}: {problem}"] if problem else []
    assert failures == [], "\n".join(failures)


def _explore(operation: Any, url: str, headers: dict[str, str]) -> str | None:
    """Play examples against one operation; what went wrong first, or None."""
    explore: Callable[[], None] = _test(operation, url, headers)
    try:
        explore()
    except BaseExceptionGroup as group:
        return str(group.exceptions[0])[:1500]
    except AssertionError as error:
        return str(error)[:1500]
    return None


def _test(operation: Any, url: str, headers: dict[str, str]) -> Callable[[], None]:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def explore(case: Any) -> None:
        case.call_and_validate(
            base_url=url, headers=headers, checks=list(CHECKS[1:] if operation.path in SAY_SO else CHECKS), timeout=30
        )

    return explore
