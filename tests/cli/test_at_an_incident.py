"""What people do at an incident from the command line, and what they see of the spine itself."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import text
from typer.testing import CliRunner

from deployments.cli import app
from spine.health import Reading, Status, standing
from spine.person import Role
from spine.settings import Settings
from spine.severity import Severity
from store import incidents, people
from store.secrets import Vault
from store.standings import keep


@pytest.fixture
def run(approval_case: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Runs `opsspine …` on the database of the approval case, while no orchestrator answers."""
    monkeypatch.setenv("DATABASE_URL", approval_case.database.url)
    monkeypatch.setenv("OPSSPINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OPSSPINE_PREFECT__API_URL", "http://127.0.0.1:9/api")
    runner = CliRunner()
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):  # Prefect read its own when it was imported
        yield lambda *words: runner.invoke(app, list(words))


def _data(done: Any) -> Any:
    answer = json.loads(done.stdout)
    assert answer["ok"], answer
    return answer["data"]


@pytest.fixture
def responder(approval_case: Any, tmp_path: Path) -> str:
    """Somebody who may act in the incident's tenant."""
    email = "ann@example.org"
    with approval_case.database.system() as connection:
        people.add(
            connection, email, "Ann", [(approval_case.tenant, Role.RESPONDER)],
            vault=Vault.of(Settings(data_dir=tmp_path), create=True), actor="test", now=datetime.now(UTC),
        )  # fmt: skip
    return email


def test_an_incident_is_listed_filtered_and_shown_whole(run: Callable[..., Any], approval_case: Any) -> None:
    case = approval_case
    case.ask()
    (row,) = _data(run("incidents", "list", "--live", "--json"))
    assert (row["id"], row["severity"], row["kind"]) == (str(case.incident.id), "high", "FAILED_LOGINS_SPIKE")
    assert _data(run("incidents", "list", "--kind", "jwt_validation_errors", "--json")) == []
    assert _data(run("incidents", "list", "--tenant", "nobody", "--json")) == []
    shown = _data(run("incidents", "show", str(case.incident.id)[:8], "--json"))
    assert shown["incident"]["id"] == str(case.incident.id)
    assert len(shown["approvals"]) == 1
    assert {"evidence", "timeline", "mitigations"} <= shown.keys()
    for_people = run("incidents", "show", str(case.incident.id)[:8])
    assert for_people.exit_code == 0
    assert str(case.incident.id) in for_people.stdout


def test_an_id_that_means_nothing_or_too_much_is_told(run: Callable[..., Any]) -> None:
    for start, why in (("ffffffff", "none begins so"), ("a", "too short")):
        done = run("incidents", "show", start)
        assert done.exit_code == 1
        assert why in done.stderr


def test_the_first_who_acknowledges_has_it(run: Callable[..., Any], approval_case: Any, responder: str) -> None:
    case = approval_case
    key = str(case.incident.id)
    done = run("incidents", "ack", key, "--as", responder)
    assert done.exit_code == 0, done.stderr
    with case.database.system() as connection:
        assert incidents.get(connection, case.incident.id).acknowledged_at is not None
        told = connection.execute(text("select entry from audit_entries order by at desc")).scalars().all()
    assert any(f"person:{responder}" in entry and "acknowledged" in entry for entry in told)


def test_a_stranger_does_nothing(run: Callable[..., Any], approval_case: Any) -> None:
    key = str(approval_case.incident.id)
    for words in (
        ("incidents", "ack", key), ("incidents", "note", key, "hello"), ("incidents", "cancel", key, "--reason", "x"),
        ("actions", "run", "evidence.snapshot", "--incident", key, "--reason", "x"),
    ):  # fmt: skip
        done = run(*words, "--as", "nobody@example.org")
        assert done.exit_code == 1, words
        assert "Nothing was changed" in done.stderr


def test_a_note_stands_in_the_story_without_its_secret(
    run: Callable[..., Any], approval_case: Any, responder: str
) -> None:
    key = str(approval_case.incident.id)
    secret = "xoxb-123456789012-123456789012-abcdefabcdefabcdefabcdef"
    assert (
        run("incidents", "note", key, f"Partner says it is a load test, token {secret}", "--as", responder).exit_code
        == 0
    )
    with approval_case.database.system() as connection:
        story = incidents.timeline(connection, approval_case.incident.id)
    assert any(line["kind"] == "note" and "load test" in line["summary"] for line in story)
    assert secret not in json.dumps(story, default=str)
    assert run("incidents", "note", key, "  ", "--as", responder).exit_code == 1


def test_what_does_not_run_is_not_cancelled(run: Callable[..., Any], approval_case: Any, responder: str) -> None:
    with approval_case.database.owner() as connection:
        connection.execute(text("update incidents set flow_run_id = null"))
    done = run("incidents", "cancel", str(approval_case.incident.id), "--as", responder, "--reason", "false alarm")
    assert done.exit_code == 1
    assert "No run responds" in done.stderr


def test_a_cancelled_run_needs_the_orchestrator_and_says_when_it_is_silent(
    run: Callable[..., Any], approval_case: Any, responder: str
) -> None:
    with approval_case.database.owner() as connection:
        connection.execute(text("update incidents set flow_run_id = gen_random_uuid()"))
    words = ("incidents", "cancel", str(approval_case.incident.id), "--as", responder, "--reason", "false alarm")
    done = run(*words)
    assert done.exit_code == 3, done.stderr
    assert "Nothing was changed" in done.stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("ip.nothing",), "There is no action"),
        (("ip.throttle", "--target", "198.51.100.0/8"), "out of bounds"),
    ],
    ids=["unknown", "out of bounds"],
)
def test_an_action_that_cannot_be_is_refused_before_anything_is_written(
    run: Callable[..., Any], approval_case: Any, responder: str, words: tuple[str, ...], why: str
) -> None:
    key = str(approval_case.incident.id)
    done = run("actions", "run", *words, "--incident", key, "--as", responder, "--reason", "x")
    assert done.exit_code == 1, done.output
    assert why in done.stderr
    with approval_case.database.system() as connection:
        assert connection.execute(text("select count(*) from commands")).scalar_one() == 0


def test_an_action_is_written_down_even_while_the_orchestrator_is_silent(
    run: Callable[..., Any], approval_case: Any, responder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deployments.cli import actions

    monkeypatch.setattr(actions, "_PATIENCE_SECONDS", 0.1)
    key = str(approval_case.incident.id)
    words = ("actions", "run", "evidence.snapshot", "--incident", key, "--as", responder, "--reason", "x", "--json")
    done = run(*words)
    assert done.exit_code == 0, done.output
    with approval_case.database.system() as connection:
        row = connection.execute(text("select actor, state, reason from commands")).one()
    assert tuple(row) == (f"person:{responder}", "waiting", "x")


def test_actions_are_listed_with_their_bounds(run: Callable[..., Any]) -> None:
    found = {one["action"]: one for one in _data(run("actions", "list", "--json"))}
    assert found["ip.block"]["max_targets"] == 20
    assert found["ip.throttle"]["ttl_seconds"] == 3600


def _stand(case: Any, key: str, status: Status) -> None:
    reading = Reading(status=status, said="9 % free", observed=9.0, unit="%", means="Soon full.", do="Make room.")
    at = datetime.now(UTC) - timedelta(minutes=2)
    with case.database.system() as connection:
        keep(connection, [standing(key, reading, severity=Severity.HIGH, at=at, took=timedelta(0), before=None)])


def test_health_tells_the_worst_first_and_exits_by_it(run: Callable[..., Any], approval_case: Any) -> None:
    _stand(approval_case, "disk", Status.WARN)
    done = run("health")
    assert done.exit_code == 0, done.output
    assert "Soon full." in done.stdout
    assert "Make room." in done.stdout
    _stand(approval_case, "audit", Status.FAIL)
    done = run("health", "--json")
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["ok"], answer["data"]["status"]) == (1, False, "fail")
    first = answer["data"]["checks"][0]
    assert (first["part"], first["status"], first["do"]) == ("audit", "fail", "Make room.")


def test_health_can_look_now(run: Callable[..., Any]) -> None:
    checks = {one["part"]: one for one in json.loads(run("health", "--now", "--json").stdout)["data"]["checks"]}
    assert checks["prefect"]["status"] == "fail"
    assert checks["migrations"]["status"] == "pass"


def test_the_tail_of_the_trail_is_filtered_and_in_order(run: Callable[..., Any], approval_case: Any) -> None:
    approval_case.ask()
    entries = _data(run("audit", "tail", "--json"))
    assert [one["time"] for one in entries] == sorted(one["time"] for one in entries)
    kinds = {one["data"]["action"] for one in entries}
    assert "approval.requested" in kinds
    only = _data(run("audit", "tail", "--action", "approval.requested", "-n", "1", "--json"))
    assert [one["data"]["action"] for one in only] == ["approval.requested"]
    mine = _data(run("audit", "tail", "--incident", str(approval_case.incident.id)[:8], "--json"))
    assert {one["data"]["incident"] for one in mine} == {str(approval_case.incident.id)}
    assert _data(run("audit", "tail", "--tenant", "nobody", "--json")) == []


def test_verify_answers_programs_chain_by_chain(run: Callable[..., Any], approval_case: Any) -> None:
    approval_case.ask()
    found = _data(run("audit", "verify", "--json"))
    assert all(one["bad"] is None for one in found)
    with approval_case.database.owner() as connection:
        connection.execute(text("alter table audit_entries disable trigger user"))
        connection.execute(text("update audit_entries set entry = replace(entry, 'engine', 'nobody') where seq = 1"))
    done = run("audit", "verify", "--json")
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    assert (answer["ok"], [one["bad"]["kind"] for one in answer["data"] if one["bad"]]) == (False, ["edited"])
