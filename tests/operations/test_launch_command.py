"""GO and NO-GO from the command line: exit codes, waivers with a second factor, a ramp there and back."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from typer.testing import CliRunner, Result

from deployments.cli import app
from spine import totp
from spine.flag import FlagSet
from spine.flag.definition import Definition, boolean_flag
from spine.ids import TenantId, mint
from spine.incident import Incident, IncidentKind, IncidentStatus, incident_id
from spine.launch import APPROVERS
from spine.person import Role
from spine.severity import Severity
from store import audit, flags, incident_rows, launches, operations, people
from store.engine import Database
from store.operations import OperationRun
from store.secrets import Vault

ACME = TenantId("acme")
CAST = {"ann": Role.SECURITY_ADMIN, "bob": Role.RESPONDER}
BY_ANN = ("--as", "ann@example.org")
WHY = ("--reason", "the mailbox moves next week, DNS was looked at by hand")


@pytest.fixture
def run(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    """The command against the test's database, with a code of Ann's at hand."""
    key = Fernet.generate_key()
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("OPSSPINE_SECRET_KEY", key.decode())
    monkeypatch.setenv("OPSSPINE_DATA_DIR", str(tmp_path))
    secrets: dict[str, Any] = {}
    with database.system() as connection:
        for name, role in CAST.items():
            _, secrets[name] = people.add(
                connection, f"{name}@example.org", name, [(ACME, role)], vault=Vault(key), actor="test",
                now=datetime.now(UTC),
            )  # fmt: skip

    def invoke(*words: str, code: str | None = None) -> Result:
        with database.system() as connection:
            connection.execute(text("update people set totp_last_step = -1"))
        given = code or totp.code_at(secrets["ann"], datetime.now(UTC))
        return CliRunner().invoke(app, ["launch", *words, "--tenant", "acme"], input=f"{given}\n")

    return invoke


def went(database: Database, *, passed: bool = True, hours: float = 0) -> None:
    """The checklist was gone through."""
    at = datetime.now(UTC) - timedelta(hours=hours)
    outcome = "GO" if passed else "NO-GO"
    made = OperationRun(
        id=mint(), tenant_id=ACME, operation="launch_checklist", who="cli:ann", started_at=at, finished_at=at,
        outcome=outcome, passed=passed, detail={"results": [], "holding": [], "waived": []},
    )  # fmt: skip
    with database.system() as connection:
        operations.keep(connection, made, told={})


def test_an_installation_with_nothing_set_up_is_no_go_and_says_why(database: Database, run: Any) -> None:
    done = run("check", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)["data"]
    assert told["outcome"] == "NO-GO"
    marks = {one["key"]: one["mark"] for one in told["results"]}
    assert set(marks.values()) == {"UNKNOWN", "FAIL"}
    assert (marks["token_negatives"], marks["reachable_admins"]) == ("UNKNOWN", "FAIL")
    assert len(told["holding"]) == len(marks)
    with database.system() as connection:
        kept = operations.latest(connection, ACME, "launch_checklist")
        (entry,) = [
            one for one in (json.loads(link.canonical)["data"] for link in audit.links(connection, ACME))
            if one["action"] == "runbook.run"
        ]  # fmt: skip
    assert kept is not None
    assert str(kept.id) == told["run"]
    assert (entry["subject"], entry["outcome"]) == (f"launch_checklist:{kept.id}", "NO-GO")
    assert entry["detail"]["marks"] == [f"{mark} {key}" for key, mark in marks.items()]
    assert "redacted" not in json.dumps([entry["detail"], dict(kept.detail)])
    assert len(entry["detail"]["receipts"]) == len(marks)
    assert run("status").exit_code == 1


def test_a_part_of_the_list_is_never_a_go(database: Database, run: Any) -> None:
    done = run("check", "--only", "audit_chain")
    assert done.exit_code == 1
    assert "only 1 of" in done.stdout
    with database.system() as connection:
        assert operations.latest(connection, ACME, "launch_checklist") is None


@pytest.mark.parametrize("item", ["isolation_matrix", "token_negatives", "key_rotation"])
def test_isolation_and_token_tests_are_never_waived(database: Database, run: Any, item: str) -> None:
    done = run("waive", item, *BY_ANN, *WHY)
    assert done.exit_code != 0
    assert "never waived" in done.output
    with database.system() as connection:
        assert launches.waivers(connection, ACME) == []


def test_a_waiver_spares_its_item_until_it_is_taken_back(database: Database, run: Any) -> None:
    assert run("waive", "mail_dns", *BY_ANN, *WHY, "--days", "2").exit_code == 0
    held = json.loads(run("check", "--json").stdout)["data"]
    assert held["waived"] == ["mail_dns"]
    assert not any("mail_dns" in one for one in held["holding"])
    with database.system() as connection:
        (waiver,) = launches.waivers(connection, ACME)
        assert waiver.approver == "person:ann@example.org"
        assert launches.waivers(connection, ACME, now=datetime.now(UTC) + timedelta(days=3)) == []
    assert run("unwaive", "mail_dns", *BY_ANN).exit_code == 0
    with database.system() as connection:
        assert launches.waivers(connection, ACME, now=datetime.now(UTC)) == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("mail_dns", "--as", "bob@example.org", *WHY), None, "incident commander or a security admin"),
        (("mail_dns", *BY_ANN, *WHY), "000000", "code"),
        (("mail_dns", *BY_ANN, "--reason", "because"), None, "reason"),
        (("mail_dns", *BY_ANN, *WHY, "--days", "400"), None, "at the latest"),
        (("nothing", *BY_ANN, *WHY), None, "no item"),
    ],
)
def test_a_waiver_takes_the_right_person_a_code_a_reason_and_an_end(
    database: Database, run: Any, words: tuple[str, ...], code: str | None, says: str
) -> None:
    done = run("waive", *words, code=code)
    assert done.exit_code != 0
    assert says in done.output
    with database.system() as connection:
        assert launches.waivers(connection, ACME) == []
    assert Role.RESPONDER not in APPROVERS


def test_a_ramp_reaches_more_users_step_by_step_and_goes_back_to_the_exact_version(
    database: Database, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = boolean_flag(metadata={"team": "checkout"})
    written(database, before, 0)
    assert "never gone through" in run("ramp", "checkout.new", *BY_ANN).output
    went(database)
    assert run("ramp", "checkout.new", *BY_ANN).exit_code == 0
    assert "next step up is allowed from" in run("ramp", "checkout.new", *BY_ANN).output
    monkeypatch.setenv("OPSSPINE_LAUNCH__RAMP_MINUTES", "0")
    reached = [users_on(database)]
    for _ in range(3):
        assert run("ramp", "checkout.new", *BY_ANN).exit_code == 0
        reached.append(users_on(database))
    sizes = [len(one) for one in reached]
    assert 0 < sizes[0] < 40
    assert 150 < sizes[1] < 260
    assert 900 < sizes[2] < 1100
    assert sizes[3] == 2000
    assert reached[0] < reached[1] < reached[2] < reached[3], "who has it keeps it"
    assert "reached all users already" in run("ramp", "checkout.new", *BY_ANN).output
    assert run("ramp", "checkout.new", *BY_ANN, "--back").exit_code == 0
    assert stored(database).definition == before


def test_a_ramp_that_somebody_changed_is_over_and_the_next_one_goes_back_to_that_change(
    database: Database, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSSPINE_LAUNCH__RAMP_MINUTES", "0")
    written(database, boolean_flag(), 0)
    went(database)
    assert run("ramp", "checkout.new", *BY_ANN).exit_code == 0
    by_hand = boolean_flag(metadata={"team": "checkout"})
    written(database, by_hand, 2)
    refused = run("ramp", "checkout.new", *BY_ANN, "--back")
    assert refused.exit_code == 1
    assert "somebody changed it since" in " ".join(refused.output.split())
    assert stored(database).definition == by_hand
    for _ in range(2):
        assert run("ramp", "checkout.new", *BY_ANN).exit_code == 0
    assert run("ramp", "checkout.new", *BY_ANN, "--back").exit_code == 0
    assert stored(database).definition == by_hand


def written(database: Database, definition: Definition, version: int) -> None:
    with database.system() as connection:
        flags.put(
            connection, ACME, "checkout.new", definition.stored(), expected_version=version, actor="cli:ann",
            reason="made", at=datetime.now(UTC),
        )  # fmt: skip


def stored(database: Database) -> flags.StoredFlag:
    with database.system() as connection:
        found = flags.get(connection, ACME, "checkout.new")
    assert found is not None
    return found


def users_on(database: Database) -> set[int]:
    with database.system() as connection:
        definition = flags.effective(connection, ACME, "checkout.new", datetime.now(UTC))
    assert definition is not None
    loaded = FlagSet({"checkout.new": definition})
    return {
        n for n in range(2000) if getattr(loaded.evaluate("checkout.new", {"targetingKey": f"u{n}"}), "value", None)
    }


def test_nothing_goes_up_on_an_old_go_or_while_an_incident_burns(database: Database, run: Any) -> None:
    now = datetime.now(UTC)
    written(database, boolean_flag(), 0)
    went(database, hours=25)
    assert "at most 24 h old" in run("ramp", "checkout.new", *BY_ANN).output
    went(database)
    kind = IncidentKind.FAILED_LOGINS_SPIKE
    burning = Incident(
        id=incident_id(ACME, kind, "one"), tenant_id=ACME, kind=kind, subject="tenant", status=IncidentStatus.OPEN,
        severity=Severity.HIGH, title="Failed logins", first_event_at=now, opened_at=now, last_finding_at=now,
    )  # fmt: skip
    with database.system() as connection:
        incident_rows.insert(connection, burning)
    assert "An incident is open" in run("ramp", "checkout.new", *BY_ANN).output
    assert stored(database).version == 1
