"""Every declared drill of every runbook, by the command, through a running spine: real processes, real ingest."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from runbooks.drills import drills
from spine.incident import IncidentStatus
from store import drills as stored
from store import incidents, keys

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]
ENDED = {"COMPLETED", "CRASHED"}
ALL = [(kind.value.lower(), drill) for kind, declared in drills().items() for drill in declared]
AT_ONCE = 2
"""A drill mostly waits."""
Played = tuple[Any, dict[str, Any], subprocess.CompletedProcess[str]]
"""Its tenant, that tenant's flags before, and what the command said."""


def command(stack: Any, *words: str) -> subprocess.CompletedProcess[str]:
    """`opsspine drill …` as an operator of this machine types it."""
    call = "from deployments.cli import app; app()"
    environment = {**os.environ, **stack.environment}
    return subprocess.run(
        [sys.executable, "-c", call, "drill", *words], env=environment, capture_output=True, text=True, check=False,
        timeout=400,
    )  # fmt: skip


def play(stack: Any, tenant: Any, kind: str, name: str) -> Played:
    """One drill of a tenant of its own, by the command."""
    before = tenant.flags()
    return tenant, before, command(stack, kind, "--name", name, "--unattended", "--tenant", tenant.id)


@pytest.fixture(scope="module")
def rehearsed(
    request: pytest.FixtureRequest, stack: Any, cast: Callable[[Any], Any]
) -> Iterator[dict[str, Future[Played]]]:
    """Every drill whose test was selected, by the test's id; a few at once."""
    items = [i for i in request.session.items if isinstance(i, pytest.Function) and "rehearsed" in i.fixturenames]
    mine = [i for i in items if i.module is request.module]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            i.nodeid: pool.submit(
                play, stack, cast(stack).tenant, i.callspec.params["kind"], i.callspec.params["drill"].name
            )
            for i in mine
        }


@pytest.mark.parametrize(("kind", "drill"), ALL, ids=[f"{kind}-{drill.name}" for kind, drill in ALL])
def test_a_drill_passes(
    request: pytest.FixtureRequest, stack: Any, rehearsed: dict[str, Future[Played]], kind: str, drill: Any
) -> None:
    tenant, before, done = rehearsed[request.node.nodeid].result()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed, score 100%" in done.stdout
    assert tenant.flags() == before
    with stack.database.system() as connection:
        (entry,) = tenant.audited("runbook.run")
        run = stored.get(connection, entry["subject"].removeprefix("drill:"))
        live = [one for one in incidents.list_live(connection) if one.tenant_id == tenant.id]
        assert live == [], "nothing of a drill stays open"
        assert run is not None
        assert stored.key_name(run.id) not in {key.name for key, _ in keys.list_keys(connection)}
    assert entry["outcome"] == "passed"
    assert (run.passed, run.negative, run.unattended) == (True, drill.negative, True)
    assert tenant.count("outbox") == 0, "a drill that decides by itself tells nobody"
    if not drill.negative:
        incident = tenant.incident()
        assert (incident.synthetic, incident.drill_id, incident.status) == (True, run.id, IncidentStatus.RESOLVED)
        assert all(lease.shadow for lease in tenant.leases())
        # on a starved machine its process may be given up for dead once all is done: it waits for nothing, either
        stack.until(lambda: _ended(stack, incident), "its run has ended")
    wanted = {"key": {"like_": f"drill-{run.id[:8]}"}}
    (artifact,) = stack.until(lambda: stack.prefect("/artifacts/filter", artifacts=wanted), "its report")
    assert "Score 100%" in artifact["data"]


def test_people_are_asked_under_the_word_drill_and_a_click_of_theirs_counts(
    stack: Any, cast: Callable[[Any], Any]
) -> None:
    robin = cast(stack)
    tenant, words = robin.tenant, ("failed_logins_spike", "--name", "stuffing")
    with ThreadPoolExecutor(1) as pool:
        playing = pool.submit(command, stack, *words, "--tenant", tenant.id)
        asked = stack.until(tenant.approval, "a question", seconds=120)
        assert asked.synthetic
        waiting = stack.until(lambda: listed(stack, asked), "the question stands in the list", seconds=60)
        assert "DRILL" in waiting
        assert robin.slack(asked) == {}
        done = playing.result()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed, score 100%" in done.stdout
    assert "Robin approved via slack" in done.stdout
    assert not tenant.throttled(), "and still nobody is throttled"
    assert tenant.told("approval.requested"), "people heard of the question"
    assert tenant.told("incident.opened") == tenant.told("mitigation.applied") == []


def _ended(stack: Any, incident: Any) -> bool:
    state = stack.run(incident.flow_run_id)["state"]
    assert state["type"] in ENDED, state
    return True


def listed(stack: Any, asked: Any) -> str:
    """The question's line of `opsspine approvals list`."""
    call = "from deployments.cli import app; app()"
    environment = {**os.environ, **stack.environment}
    done = subprocess.run(
        [sys.executable, "-c", call, "approvals", "list"], env=environment, capture_output=True, text=True, check=True
    )  # fmt: skip
    return next((line for line in done.stdout.splitlines() if str(asked.id)[:8] in line), "")


def test_the_list_tells_when_each_was_rehearsed(stack: Any) -> None:
    """Runs after the drills of this module; a runbook without a passed drill says never."""
    told = command(stack, "--list")
    assert told.returncode == 0, told.stderr
    for kind, drill in ALL:
        assert kind in told.stdout
        assert drill.name in told.stdout


def test_what_is_not_declared_is_refused_and_exits_with_1(stack: Any, tenant: Any) -> None:
    done = command(stack, "failed_logins_spike", "--name", "no_such_drill", "--tenant", tenant.id)
    assert done.returncode == 1
    assert "has no drill 'no_such_drill'; it has stuffing" in " ".join(done.stderr.split())
    assert tenant.count("drills") == 0
