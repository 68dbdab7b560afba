"""Flags and leases from the command line: compare-and-set, signed for, read back."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from deployments.cli import app
from spine import totp
from spine.lease import LeaseState
from spine.person import Role
from store import people
from store.secrets import Vault

KEY = "auth.captcha.required"
NOBODY = ("--as", "eve@example.org", "--reason", "x")
VIEWER = ("--as", "bob@example.org", "--reason", "x")
SIGNED = ("--as", "ada@example.org", "--reason", "drill")


@pytest.fixture
def run(ledger, database_url: str, monkeypatch: pytest.MonkeyPatch):
    """The `opsspine` command against the test's database, with Ada a responder and Bob a viewer."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")
    secret_key = Fernet.generate_key()
    monkeypatch.setenv("OPSSPINE_SECRET_KEY", secret_key.decode())
    vault, cast = Vault(secret_key), {"ada": Role.INCIDENT_COMMANDER, "rob": Role.RESPONDER, "bob": Role.VIEWER}
    secrets: dict[str, str] = {}
    with ledger.database.system() as connection:
        for name, role in cast.items():
            email = f"{name}@example.org"
            _, secrets[name] = people.add(
                connection, email, "Somebody", [(ledger.tenant, role)], vault=vault, actor="test",
                now=ledger.clock.now(),
            )  # fmt: skip

    def invoke(*words: str, code_of: str = "ada") -> Result:
        """With the code of that person's authenticator at hand, should it be asked for; each works once."""
        with ledger.database.system() as connection:
            connection.exec_driver_sql("update people set totp_last_step = -1")
        tenant = [] if words[0] == "approvals" or words[:2] == ("leases", "revert") else ["--tenant", "acme"]
        code = totp.code_at(secrets[code_of], datetime.now(UTC))
        return CliRunner().invoke(app, [*words, *tenant], input=f"{code}\n")

    return invoke


def test_a_flag_is_set_shown_listed_and_reverted(ledger, run, tmp_path: Path) -> None:
    done = run("flags", "set", KEY, "true", "--expect-version", "0", *SIGNED)
    assert done.exit_code == 0, done.output
    assert done.output.endswith(f"{KEY} is at version 1 and reads true\n")
    assert re.search(rf"{KEY} +│ 1 +│ true", run("flags", "list").output)
    assert "reads: true" in run("flags", "show", KEY).output

    file = tmp_path / "flag.json"
    file.write_text(json.dumps({"variants": {"on": True, "off": False}, "defaultVariant": "off"}))
    assert run("flags", "set", KEY, "--file", str(file), "--expect-version", "1", *SIGNED).exit_code == 0
    assert "reads true" in run("flags", "revert", KEY, "1", "--expect-version", "2", *SIGNED).output
    told = run("flags", "history", KEY).output
    assert told.count("person:ada@example.org") == 3
    assert len(ledger.audited("flag.changed")) == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param([KEY, "true", "--expect-version", "7", *SIGNED], "at version 0, not 7", id="another version"),
        pytest.param([KEY, "maybe", "--expect-version", "0", *SIGNED], "different types", id="another type"),
        pytest.param(
            [KEY, "true", "--expect-version", "0", "--as", "bob@example.org", "--reason", "x"],
            "may not do this",
            id="viewer",
        ),
        pytest.param(
            [KEY, "true", "--expect-version", "0", "--as", "eve@example.org", "--reason", "x"],
            "may not do this",
            id="nobody",
        ),
        pytest.param(
            [KEY, "true", "--expect-version", "0", "--as", "rob@example.org", "--reason", "x"],
            "your word is not enough",
            id="responder, high risk",
        ),
        pytest.param(
            ["jwt.verifySignature", "false", "--expect-version", "0", *SIGNED], "switch off a check", id="check"
        ),
    ],
)
def test_a_refused_change_says_why_and_changes_nothing(ledger, run, words: list[str], says: str) -> None:
    refused = run("flags", "set", *words)
    assert refused.exit_code == 1
    assert says in refused.stderr
    assert ledger.rows("select from flags") == []
    assert len(ledger.audited("action.denied")) == ("may not" in says)


def test_a_lease_is_listed_with_its_drift_and_ended_early(ledger, run) -> None:
    lease = ledger.apply(ledger.step("captcha.require"))
    assert run("flags", "set", KEY, "false", "--expect-version", "0", *SIGNED).output.endswith("held by 1 leases\n")
    listed = run("leases", "list").output
    assert str(lease.id)[:8] in listed
    assert "edited by hand" in re.sub(r"\s*\n?\W*│\s*", " ", listed)

    assert run("leases", "revert", str(lease.id), "--as", "bob@example.org", "--reason", "x").exit_code == 1
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE
    ended = run("leases", "revert", str(lease.id)[:8], *SIGNED)
    assert ended.output == "captcha.require is reverted\n"
    assert ledger.flag(KEY).holds == ()
    assert ledger.audited("rollback.executed")[0]["detail"]["reason"] == "drill"


def test_a_responder_proposes_a_commander_approves_and_it_is_applied(ledger, run) -> None:
    rob = ("--as", "rob@example.org")
    proposed = run("flags", "propose", KEY, "true", "--expect-version", "0", *rob, "--reason", "drill")
    assert proposed.exit_code == 0, proposed.output
    assert "waits for approval" in proposed.output
    change = re.search(r"flags apply (\w+)", proposed.output)
    approval = re.search(r"approval ([0-9a-f-]+)", proposed.output)
    assert change
    assert approval
    early = run("flags", "apply", change[1], *rob)
    assert "another person must approve" in early.stderr
    shown = run("approvals", "list")
    assert "a flag" in shown.output
    done = run("approvals", "approve", approval[1], "--as", "ada@example.org", "--reason", "fine")
    assert done.exit_code == 0, done.output
    assert run("flags", "apply", change[1], *rob).output == f"{KEY}: applied as version 1\n"
    assert "applied" in run("flags", "changes").output
    assert ledger.flag(KEY).definition.default is True


def test_a_wrong_code_changes_nothing_and_is_recorded(ledger, run) -> None:
    refused = run("flags", "set", KEY, "true", "--expect-version", "0", *SIGNED, "--totp", "000000")
    assert refused.exit_code == 1
    assert "not accepted" in refused.stderr
    assert ledger.rows("select from flags") == []
    assert ledger.audited("stepup.decided")[0]["outcome"] == "refused"


def test_a_change_for_a_while_ends_by_itself_and_a_file_goes_out_and_in(ledger, run, tmp_path: Path) -> None:
    by = ("--as", "rob@example.org", "--reason", "sale")
    assert run("flags", "set", "shop.open", "false", "--expect-version", "0", *by).exit_code == 0
    assert run("flags", "set", "shop.open", "true", "--expect-version", "1", "--for", "30", *by).exit_code == 0
    assert "it goes back to" in run("flags", "show", "shop.open").output
    later = run("flags", "set", "shop.open", "false", "--expect-version", "2", "--at", "2999-01-01T00:00:00", *by)
    assert later.output == "shop.open will be changed at 2999-01-01 00:00:00 UTC\n"
    assert "no owner" in run("flags", "findings").output
    file = tmp_path / "flags.json"
    file.write_text(run("flags", "export").output)
    assert list(json.loads(file.read_text())["flags"]) == ["shop.open"]
    assert "as it is here already" in run("flags", "import", str(file), *by).output
