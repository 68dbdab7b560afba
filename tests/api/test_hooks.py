"""Plug-ins listen in and may say no. They cannot say yes, hold the spine up, or bring it down."""

import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spine.hook import ActionAsked, DecisionMade, Hook, Hooks
from spine.lease import LeaseState
from spine.settings import Settings
from spine.settings.hook import HookSettings
from store import hooks
from store.engine import Database
from store.hooks import faults

ROOT = Path(__file__).parents[2]
BLOCK = {"action": "ip.block", "targets": ["203.0.113.7/32"]}
SNAPSHOT = {"action": "evidence.snapshot"}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a distribution with pip, from a wheel made of one module, where this process finds it."""

    def make(name: str, source: str, point: str) -> None:
        wheel = tmp_path / f"{name}-1.0-py3-none-any.whl"
        info = f"{name}-1.0.dist-info"
        files = {
            f"{name}.py": source,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/entry_points.txt": f"[opsspine.hooks]\n{point} = {name}\n",
        }
        with zipfile.ZipFile(wheel, "w") as packed:
            for file, content in files.items():
                packed.writestr(file, content)
            packed.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD")))
        where = tmp_path / "site"
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-index",
            "--no-deps",
            "--target",
            where,
            wheel,
        ]
        subprocess.run(command, check=True, capture_output=True)
        monkeypatch.syspath_prepend(str(where))

    return make


class Listener:
    """A plug-in that does what it is told to."""

    def __init__(self, **does: Callable[[Any], Any]) -> None:
        for name, function in does.items():
            setattr(self, name, function)


def _block(edge: Any) -> Any:
    """A commander blocks an address, with a second factor; the answer."""
    someone, _, _ = edge.person()
    return someone, someone.post("/api/ops/auth/actions", json={"reason": "now", "actions": [BLOCK]})


def test_the_example_of_the_page_is_installed_and_its_veto_holds(
    install: Callable[..., None], edge: Any, incident: str
) -> None:
    page = (ROOT / "docs" / "plug-ins.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(# no_blocking\.py\n.*?)```", page, re.DOTALL)
    install("no_blocking", example, "no-blocking")
    edge.settings.hook.most_hangs = 4  # other settings than before: plug-ins are looked for anew
    someone, asked = _block(edge)
    (result,) = edge.carry_out(incident)
    assert result.lease is None
    assert "the plug-in no-blocking says no: nothing is blocked while the sale is on" in result.because
    (became,) = someone.get(asked.headers["location"]).json()["actions"]
    assert became["status"] == "blocked"
    assert "sale" in became["because"]
    (denied,) = edge.rows("select entry from audit_entries where action = 'action.denied' and tenant_id = 'acme'")
    assert "no-blocking" in denied.entry
    assert faults_of(edge.database) == []


def test_a_plug_in_that_cannot_be_loaded_is_reported_and_left_out(
    install: Callable[..., None], database: Database
) -> None:
    install("broken_plug_in", "raise RuntimeError('token ghp_" + "a1B2" * 9 + "')\n", "broken")
    hooks.hooks(database, Settings(hook=HookSettings(most_hangs=5)))
    (fault,) = faults_of(database)
    assert (fault.plugin, fault.hook, fault.kind) == ("broken", "load", "raised")
    assert "ghp_" not in fault.last_error


def faults_of(database: Database) -> list[Any]:
    """What was written down."""
    with database.system() as connection:
        return faults(connection)


@pytest.fixture
def listen(edge: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Hooks]:
    """Makes these the plug-ins of this process."""

    def make(settings: HookSettings | None = None, **plugins: object) -> Hooks:
        chosen = settings or HookSettings(timeout_seconds=0.3)
        made = Hooks(plugins, chosen, hooks.reporter(edge.database))
        edge.settings.hook = chosen
        monkeypatch.setitem(hooks._LOADED, edge.database, (chosen, made))
        return made

    return make


@pytest.fixture
def stuck() -> Iterator[Callable[[Any], None]]:
    """A function that does not come back before the test ends."""
    released = threading.Event()
    yield lambda _: released.wait() and None
    released.set()


def test_one_that_raises_or_hangs_is_isolated_counted_and_audited(
    edge: Any, incident: str, listen: Callable[..., Hooks], stuck: Callable[[Any], None]
) -> None:
    def fail(_: Any) -> None:
        raise ValueError("no")

    heard: list[str] = []
    listen(
        bad=Listener(before_action=fail, on_decision=fail), slow=Listener(before_action=stuck),
        good=Listener(before_action=lambda asked: heard.append(asked.step.action_key), after_action=heard.append),
    )  # fmt: skip
    _block(edge)
    (result,) = edge.carry_out(incident)
    assert result.lease is not None
    assert result.lease.state is LeaseState.ACTIVE, "silence does not keep an attack from being stopped"
    assert heard[0] == "ip.block"
    assert heard[1].lease.state is LeaseState.ACTIVE  # type: ignore[attr-defined]
    found = {(one.plugin, one.hook, one.kind): one.times for one in faults_of(edge.database)}
    assert found == {
        ("bad", "before_action", "raised"): 1, ("bad", "on_decision", "raised"): 1,
        ("slow", "before_action", "hung"): 1,
    }  # fmt: skip
    audited = edge.rows("select tenant_id from audit_entries where action = 'hook.failed'")
    assert [row.tenant_id for row in audited] == ["acme"] * 3


def test_of_one_that_is_required_silence_is_a_veto(
    edge: Any, incident: str, listen: Callable[..., Hooks], stuck: Callable[[Any], None]
) -> None:
    listen(HookSettings(timeout_seconds=0.2, required=["slow", "gone"]), slow=Listener(before_action=stuck))
    _block(edge)
    (result,) = edge.carry_out(incident)
    assert result.lease is None
    assert "slow says no: it is required, and hung" in result.because
    assert "gone says no: it is required and not installed" in result.because


def test_nothing_a_plug_in_returns_or_changes_opens_a_gate(
    edge: Any, incident: str, listen: Callable[..., Hooks]
) -> None:
    def meddle(asked: ActionAsked) -> bool:
        asked.step.params["attempts_per_minute"] = 99
        return True

    listen(meddler=Listener(before_action=meddle))
    edge.key().post("/api/ops/auth/actions", json={"reason": "now", "actions": [BLOCK]})
    (result,) = edge.carry_out(incident)
    assert result.lease is None
    assert "nobody approved" in result.because
    assert faults_of(edge.database) == [], "it is not even asked before the gate is open"


def test_one_that_keeps_hanging_is_not_called_any_more(
    edge: Any, listen: Callable[..., Hooks], incident: str, stuck: Callable[[Any], None], plan_of: Callable[..., Any]
) -> None:
    calls: list[int] = []

    def hang(told: Any) -> None:
        calls.append(1)
        stuck(told)

    made = listen(HookSettings(timeout_seconds=0.05, most_hangs=2), slow=Listener(on_decision=hang))
    plan = plan_of(edge, incident)
    for _ in range(4):
        made.observe(Hook.ON_DECISION, plan_told(plan))
    assert len(calls) == 2


def plan_told(plan: Any) -> Any:
    """The plan as listeners are told of it."""
    return DecisionMade(tenant=plan.tenant, decision=plan, by="engine")


def test_events_and_incidents_are_told_and_nobody_waits(edge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, Any]] = []
    arrived = threading.Event()

    def slow(one: Any) -> None:
        time.sleep(0.2)
        told.append(("event", one))
        arrived.set()

    listener = Listener(on_event=slow, on_incident=lambda one: told.append(("incident", one)))
    made = Hooks({"x": listener}, HookSettings(), hooks.reporter(edge.database))
    monkeypatch.setattr(edge.app.state.context.listeners, "_hooks", made)
    row = {"id": "h1", "type": "login_failed", "occurred_at": edge.clock.now().isoformat(), "user_id": "u"}
    began = time.perf_counter()
    assert edge.key().post("/api/ops/events", json=[row]).status_code == 202
    assert arrived.wait(10)
    assert time.perf_counter() - began > 0.2
    assert [(kind, one.tenant, one.events[0].id) for kind, one in told] == [("event", "acme", "h1")]
