"""The whole spine, traced: from the click that approves to the run it wakes and the message that tells of it."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

pytestmark = pytest.mark.slow


def _beside(name: str) -> Any:
    spec = spec_from_file_location(name, Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fresh_stack() -> Iterator[Callable[..., Any]]:
    """Starts a spine of its own, with changed settings."""
    made: list[Any] = []

    def start(**changes: str) -> Any:
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        folder = Path(tempfile.mkdtemp(prefix="opsspine-traced-", dir=memory))
        folder.chmod(0o755)
        made.append(_beside("stack").Stack(folder, **changes))
        return made[-1].up()

    yield start
    for stack in made:
        if hasattr(stack, "database"):
            stack.down()
        elif stack.process is not None:  # it never was ready
            stack.process.terminate()
            stack.process.wait(90)
        shutil.rmtree(stack.folder, ignore_errors=True)


def test_one_trace_goes_from_a_click_to_the_run_and_the_message(
    fresh_stack: Callable[..., Any], cast: Callable[[Any], Any], collector: Any
) -> None:
    stack = fresh_stack(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OPSSPINE_DETECT__INTERVAL_SECONDS="5")
    responder = cast(stack)
    tenant = responder.tenant
    tenant.calm()
    tenant.attack()
    asked = tenant.until(tenant.waited_for, "an approval is asked for, and the run waits")
    responder.slack(asked)
    tenant.until(lambda: tenant.incident().status.value not in ("open", "awaiting_approval"), "the run goes on")

    def clicked() -> Any:
        return next(
            (s for s in collector.named("POST /slack") if s.attributes.get("http.response.status_code") == 200), None
        )

    click = collector.until(clicked, 60)
    for service, name in (("opsspine-gateway", "wake run"), ("opsspine-run", ""), ("opsspine-relay", "deliver log")):
        collector.until(
            lambda service=service, name=name: [
                s for s in list(collector.spans) if (s.trace, s.service) == (click.trace, service) and name in s.name
            ],
            60,
        )  # fmt: skip
    assert tenant.key.encode() not in b"".join(collector.bodies)


def test_the_spine_looks_after_itself(fresh_stack: Callable[..., Any]) -> None:
    stack = fresh_stack(OPSSPINE_DETECT__INTERVAL_SECONDS="15", OPSSPINE_HEALTH__INTERVAL_SECONDS="20")
    url = stack.state["gateway_url"]

    def looked() -> bool:
        checks = httpx.get(f"{url}/api/health", timeout=10).json()["checks"]
        return "runner" in checks and checks["checks"][0]["status"] == "pass"

    stack.until(looked, "the parts are looked at")
    checks = httpx.get(f"{url}/api/health", timeout=10).json()["checks"]
    assert {key: check[0]["output"] for key, check in checks.items() if check[0]["status"] == "fail"} == {}
    with stack.database.system() as connection:
        by = connection.execute(
            text("select detail ->> 'by' from heartbeats where component = 'check_health'")
        ).scalar()
    assert by == "check_health"
