"""25: schedules fire, runs start warm, and detections at once make one incident and one run."""

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(240)
Play = Callable[[], None]


def test_s25_schedules_fire_and_carry_on(played: Play) -> None:
    """Detect and reconcile run by their schedules, again and again; no two of a kind at once."""
    played()


def s25_schedules_fire_and_carry_on(robin: Any) -> None:
    stack, verbs = robin.stack, ("detect", "reconcile")
    seen = {run["id"] for verb in verbs for run in _scheduled(stack, verb)}
    for verb in verbs:
        stack.until(
            lambda verb=verb: len([run for run in _scheduled(stack, verb) if run["id"] not in seen]) >= 3,
            f"three more scheduled runs of {verb}",
        )
        runs = sorted(_scheduled(stack, verb), key=lambda run: str(run["start_time"]))
        for earlier, later in pairwise(runs):
            assert earlier["end_time"] <= later["start_time"], f"two runs of {verb} at once"


def _scheduled(stack: Any, verb: str) -> list[dict[str, Any]]:
    """Runs that a schedule started and that completed."""
    found = stack.runs(flows={"name": {"any_": [verb]}}, flow_runs={"state": {"type": {"any_": ["COMPLETED"]}}})
    return [run for run in found if run["auto_scheduled"] and "stale" not in str(run["state"]["message"])]


def test_s25_two_detections_at_once_open_one_incident(played: Play) -> None:
    """Two runs asked for by name, the overflow's own and the schedule's: one incident, one run of its runbook."""
    played()


def s25_two_detections_at_once_open_one_incident(robin: Any) -> None:
    stack, tenant = robin.stack, robin.tenant
    now = stack.prefect("/deployments/name/detect/now")["id"]
    tenant.calm()
    tenant.attack()
    for _ in range(2):
        stack.prefect(f"/deployments/{now}/create_flow_run", parameters={})
    incident = stack.until(tenant.incident, "an incident")
    stack.until(tenant.approval, "a question", seconds=90)
    assert tenant.count("incidents") == 1
    assert len(tenant.audited("incident.opened")) == 1
    runs = [run for run in stack.runs(flows={"name": {"any_": ["failed_logins_spike"]}})
            if run["parameters"] == {"incident_id": str(incident.id)}]  # fmt: skip
    assert len(runs) == 1
    told = {line for line in tenant.timeline() if line.startswith(("diagnosis", "decision", "approval"))}
    assert len(told) >= 3
    stack.until(lambda: told <= _logged(stack, runs[0]["id"]), "the run's log tells what it did")
    asked_for = stack.runs(deployments={"id": {"any_": [now]}})
    assert {run["state"]["type"] for run in asked_for} <= {"COMPLETED", "CANCELLED", "SCHEDULED", "RUNNING", "PENDING"}


def _logged(stack: Any, run: str) -> set[str]:
    return {line["message"] for line in stack.prefect("/logs/filter", logs={"flow_run_id": {"any_": [run]}})}


def test_runs_start_warm(played: Play) -> None:
    """A run's process is a fork of the warm process (docs/adr/0004)."""
    played()


def runs_start_warm(robin: Any) -> None:
    runner = robin.stack.state["pids"]["runner"]
    parent = robin.stack.until(lambda: _parent_of_a_run(robin.stack), "a run at work", pause=0.02)
    assert parent != runner, "it was started cold"
    assert _parent(parent) == runner


def _parent_of_a_run(stack: Any) -> int | None:
    """The process that a run was forked from."""
    for run in stack.runs(flow_runs={"state": {"type": {"any_": ["RUNNING"]}}}):
        if (pid := stack.pid_of(run["id"])) and pid != os.getpid():
            return _parent(pid)
    return None


def _parent(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))
