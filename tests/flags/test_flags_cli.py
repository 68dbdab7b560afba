"""Flags and leases from the command line: compare-and-set, signed for, read back."""

import json
import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from deployments.cli import app
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
    vault = Vault(Fernet.generate_key())
    with ledger.database.system() as connection:
        for email, role in (("ada@example.org", Role.RESPONDER), ("bob@example.org", Role.VIEWER)):
            people.add(
                connection, email, "Somebody", [(ledger.tenant, role)], vault=vault, actor="test",
                now=ledger.clock.now(),
            )  # fmt: skip

    def invoke(*words: str) -> Result:
        tenant = [] if words[:2] == ("leases", "revert") else ["--tenant", "acme"]
        return CliRunner().invoke(app, [*words, *tenant])

    return invoke


def test_a_flag_is_set_shown_listed_and_reverted(ledger, run, tmp_path: Path) -> None:
    done = run("flags", "set", KEY, "true", "--expect-version", "0", *SIGNED)
    assert (done.exit_code, done.output) == (0, f"{KEY} is at version 1 and reads true\n")
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
