"""Deployments that no schedule and no incident of other tests starts: each run once, by name, on a live orchestrator.

Each is asked for what it left behind: a verdict with receipts, a report, scores, a model, a message.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from runbooks.operational import operations
from spine.ids import IncidentId, mint
from spine.outcome import Outcome
from store import audit, outcomes
from tasks.launch import launch_checks
from tasks.ranking import promoting, training

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TESTS = Path(__file__).parents[1]
_OVER = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def beside(path: str) -> ModuleType:
    """A module of the tests by its file."""
    spec = spec_from_file_location(Path(path).stem, TESTS / path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Live:
    """A running spine, and its deployments."""

    def __init__(self, stack: Any) -> None:
        self.stack = stack
        self.tenant = beside("tenant.py").Tenant(stack)

    def start(self, deployment: str, **parameters: Any) -> str:
        """Ask for a run by the name of its deployment; its id."""
        known = self.stack.prefect(f"/deployments/name/{deployment}")["id"]
        made = self.stack.prefect(f"/deployments/{known}/create_flow_run", parameters=parameters)
        return str(made["id"])

    def end(self, run: str) -> tuple[str, str]:
        """How a run ended, and what it said."""
        state = self.stack.until(lambda: self._over(run), f"the run {run} is over", seconds=240)
        if state["type"] == "CRASHED":
            raise AssertionError((self.stack.folder / "logs" / "runner.log").read_text()[-6000:])
        return str(state["type"]), str(state["message"])

    def runs(self, deployment: str, **parameters: Any) -> tuple[str, str]:
        """Ask for a run, and wait for its end."""
        return self.end(self.start(deployment, **parameters))

    def _over(self, run: str) -> dict[str, Any] | None:
        state = dict(self.stack.run(run)["state"])
        return state if state["type"] in _OVER else None

    def artifact(self, key: str) -> dict[str, Any]:
        """The latest artifact of that key."""
        return dict(self.stack.prefect(f"/artifacts/{key}/latest"))

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """What the database holds."""
        with self.stack.database.system() as connection:
            return [dict(row) for row in connection.execute(text(query), values).mappings()]

    def kept(self, operation: str, *, drill: bool) -> dict[str, Any]:
        """The one run of an operation that was kept."""
        (row,) = self.rows(
            "select * from operation_runs where tenant_id = :t and operation = :o and drill = :drill",
            t=self.tenant.id, o=operation, drill=drill,
        )  # fmt: skip
        return row

    def labelled(self, number: int) -> None:
        """So many incidents that ended days ago, every other one real, each labelled now."""
        now = self.stack.now()
        for n in range(number):
            real = n % 2 == 0
            at = now - timedelta(days=3, hours=n)
            summary: dict[str, Any] = {
                "class": "stuffing" if real else "spray", "severity": 1, "users_total": 250 if real else 4,
                "addresses_total": 3, "compromised_total": int(real), "users": [], "addresses": [],
                "detectors": {"unknown_address_users": {"margin": 4.0 if real else 1.0, "n": 30, "window_minutes": 15.0,
                                                        "observed": {"ratio": 0.6}}},
            }  # fmt: skip
            incident = IncidentId(mint())
            with self.stack.database.system() as connection:
                connection.execute(
                    text(
                        "insert into incidents(id, tenant_id, kind, subject, status, severity, title, first_event_at,"
                        " opened_at, last_finding_at, summary, resolved_at) values(:id, :t, 'FAILED_LOGINS_SPIKE',"
                        " :subject, 'resolved', 1, 'failed logins', :at, :at, :at, cast(:summary as jsonb), :at)"
                    ),
                    {
                        "id": incident,
                        "t": self.tenant.id,
                        "subject": str(incident),
                        "at": at,
                        "summary": json.dumps(summary),
                    },
                )
                said = Outcome.REAL if real else Outcome.FALSE_ALARM
                outcomes.say(connection, self.tenant.id, incident, said, "", actor="person:ann@example.org", now=now)

    def attacked(self) -> UUID:
        """An incident that detection opened."""
        self.tenant.calm()
        self.tenant.attack()
        return UUID(str(self.stack.until(self._open, "an incident", seconds=240)["id"]))

    def _open(self) -> dict[str, Any] | None:
        query = "select id from incidents where tenant_id = :t and resolved_at is null"
        return next(iter(self.rows(query, t=self.tenant.id)), None)


@pytest.fixture
def live() -> Iterator[Live]:
    """A spine of its own, for it is given a model that the spine of other tests must not have."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 2 << 30 else None
    folder = Path(tempfile.mkdtemp(prefix="opsspine-live-", dir=memory))
    folder.chmod(0o755)
    stack = beside("stack.py").Stack(folder)
    try:
        yield Live(stack.up())
    finally:
        stack.down()
        shutil.rmtree(folder, ignore_errors=True)


def test_each_runs_by_its_name_and_leaves_what_it_is_for(live: Live) -> None:
    routines(live)
    learnt = ranking(live)
    incident = live.attacked()
    scored(live, incident, learnt)
    reports(live, incident)
    with live.stack.database.system() as connection:
        assert audit.verify(connection, live.tenant.id) is None


def routines(live: Live) -> None:
    """Operational runbooks: the drill passes, the run is kept with its verdict, people read both as artifacts."""
    expected = {"launch_checklist": ("FAILED", "NO-GO")}  # nothing is set up here, and that is no GO
    for name in operations():
        key = name.replace("_", "-")
        asked = {"tenant": live.tenant.id, "who": "person:ann@example.org"}
        assert live.runs(f"{name}_drill/drill", **asked) == ("COMPLETED", "passed, score 100%")
        played = live.kept(name, drill=True)
        assert (played["outcome"], played["who"]) == ("passed", "person:ann@example.org")
        assert live.artifact(f"{key}-drill")["description"].endswith("passed, score 100%")

        state, said = live.runs(f"{name}/run", **asked)
        done = live.kept(name, drill=False)
        assert (state, said) == expected.get(name, ("COMPLETED", done["outcome"]))
        assert done["passed"] is (state == "COMPLETED")
        assert live.artifact(key)["description"].endswith(done["outcome"])
        told = [one for one in live.tenant.audited("runbook.run") if one["subject"].startswith(f"{name}:")]
        assert {(one["outcome"], one["detail"]["drill"]) for one in told} == {
            ("passed", True),
            (done["outcome"], False),
        }
    verdict = live.kept("launch_checklist", drill=False)["detail"]
    assert {one["key"] for one in verdict["results"]} == set(launch_checks())
    assert all(check["because"] for one in verdict["results"] for check in one["checks"])
    assert {"UNKNOWN isolation_matrix", "FAIL restore", "FAIL reachable_admins"} <= set(verdict["holding"])


def ranking(live: Live) -> int:
    """Retraining learns from what people labelled; the model is put to use. Its number."""
    training.keep_samples(live.stack.database, beside("ml/conftest.py").lines())
    live.labelled(24)
    state, said = live.runs("retrain/now")
    assert (state, said[:19]) == ("COMPLETED", "model 1 was trained")
    (model,) = live.rows("select number, status from models")
    assert model == {"number": 1, "status": "challenger"}
    assert said in live.artifact("ranking")["data"]
    now, settings = live.stack.now(), live.stack.settings
    promoting.promote(live.stack.database, settings, 1, actor="person:ann@example.org", now=now)
    return 1


def scored(live: Live, incident: UUID, model: int) -> None:
    """What has no score gets one."""
    query = "select * from incident_scores where incident_id = :i"
    with live.stack.database.owner() as connection:
        connection.execute(text("delete from incident_scores"))
    assert live.runs("rank/now")[0] == "COMPLETED"
    (score,) = live.rows(query, i=incident)
    assert score["model_number"] == model
    assert 0 < score["probability"] < 1


def reports(live: Live, incident: UUID) -> None:
    """The report of an incident is noted in the trail by its hash; the week is told once."""
    state, said = live.runs("report/now", incident_id=str(incident))
    (made,) = [one for one in live.tenant.audited("runbook.run") if one["subject"] == f"report:{incident}"]
    assert (state, made["outcome"], len(made["detail"]["sha256"])) == ("COMPLETED", "made", 64)
    assert said == f"{made['detail']['facts']} facts from {made['detail']['entries']} audit entries"
    assert "## Timeline" in live.artifact(f"report-{str(incident)[:8]}")["data"]

    for _ in range(2):
        assert live.runs("summarize/schedule") == ("COMPLETED", "1 of 1 tenants")
    assert len(live.tenant.told("report.week")) == 1
    assert live.artifact(f"week-{live.tenant.id}")["description"] == "The week"
