"""The commands `people`, `keys` and `approvals`, as a person types them."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from deployments.cli import app
from spine import totp
from spine.ids import TenantId
from spine.person import Role
from store.engine import Database
from store.keys import find_key


@pytest.fixture
def cli(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("OPSSPINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object, typed: str | None = None) -> Result:
        return CliRunner().invoke(app, list(map(str, words)), input=typed)

    return run


def secret_in(output: str) -> str:
    (address,) = re.findall(r"otpauth://\S+", output)
    return parse_qs(urlsplit(address).query)["secret"][0]


def test_a_new_person_gets_a_qr_code_that_works(cli: Any) -> None:
    added = cli("people", "add", "ana@example.org", "--name", "Ana", "--role", "responder", "--slack", "T1/U1", "--uri")
    assert added.exit_code == 0
    assert "█" in added.output
    code = totp.code_at(secret_in(added.output), datetime.now(UTC))
    assert cli("people", "check", "ana@example.org", typed=f"{code}\n").exit_code == 0
    again = cli("people", "check", "ana@example.org", typed=f"{code}\n")
    assert (again.exit_code, "Not accepted (refused)" in again.output) == (1, True)
    assert code not in again.output
    listed = cli("people", "list").output
    assert all(word in listed for word in ("ana@example.org", "responder in *", "slack:T1/U1", "yes"))


def test_the_uri_is_shown_on_request_only(cli: Any) -> None:
    assert "otpauth" not in cli("people", "add", "ana@example.org", "--role", "viewer").output
    assert "otpauth" in cli("people", "renew", "ana@example.org", "--uri").output


def test_a_disabled_person_is_listed_as_such(cli: Any) -> None:
    cli("people", "add", "ana@example.org", "--role", "viewer")
    assert cli("people", "disable", "ana@example.org").exit_code == 0
    assert "disabled" in cli("people", "list").output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["people", "add", "ana", "--role", "viewer"], "no e-mail address"),
        (["people", "add", "a@b", "--role", "engine"], "belongs to the decision engine"),
        (["people", "add", "a@b", "--role", "viewer", "--slack", "U1"], "no Slack account"),
        (["people", "disable", "nobody@example.org"], "Nobody has the address"),
        (["keys", "revoke", "none"], "no live key"),
        (["approvals", "show", "beef"], "not the beginning of exactly one approval"),
    ],
)
def test_a_mistake_is_told_in_words(cli: Any, words: list[str], told: str) -> None:
    result = cli(*words)
    assert (result.exit_code, told in result.output, "Traceback" in result.output) == (1, True, False)


def test_a_key_is_shown_once_works_and_ends(cli: Any, database: Database) -> None:
    secret = cli("keys", "add", "shop", "--tenant", "acme").output.strip()
    with database.system() as connection:
        key = find_key(connection, secret, now=datetime.now(UTC))
        stored = connection.execute(text("select string_agg(entry, '') from audit_entries")).scalar_one()
    assert key is not None
    assert (key.tenant_id, key.scopes) == (TenantId("acme"), ("events:write", "flags:read"))
    assert secret not in stored
    listed = cli("keys", "list").output
    assert "shop" in listed
    assert secret not in listed
    assert cli("keys", "revoke", "shop", "--tenant", "acme").exit_code == 0
    with database.system() as connection:
        assert find_key(connection, secret, now=datetime.now(UTC)) is None


@pytest.fixture
def asked(approval_case: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An approval that waits now, and the command line beside it."""
    case = approval_case
    case.settings = case.settings.model_copy(update={"data_dir": tmp_path})
    case.clock.advance(datetime.now(UTC) - case.clock.now())
    case.decision = case.plan("now")
    monkeypatch.setenv("OPSSPINE_SECRET_KEY", case.settings.secret_key.get_secret_value())
    return case


def test_an_approval_is_listed_shown_and_decided(asked: Any, cli: Any) -> None:
    approval, ana = asked.ask(), asked.person("ana")
    listed = cli("approvals", "list").output
    assert str(approval.id)[:8] in listed
    shown = cli("approvals", "show", str(approval.id)[:8])
    assert approval.plan_hash in shown.output
    assert "ip.1" in shown.output
    assert "ip.2" not in shown.output
    done = cli(
        "approvals",
        "approve",
        str(approval.id)[:8],
        "--as",
        ana.account,
        "--reason",
        "seen",
        typed=asked.code(ana) + "\n",
    )
    assert (done.exit_code, "ana approved via cli" in done.output) == (0, True)
    assert asked.code(ana) not in done.output
    late = cli("approvals", "deny", approval.id, "--as", ana.account, "--totp", "-", typed="000000\n")
    assert (late.exit_code, "ana has approved this via cli" in late.output) == (1, True)
    assert "vote: approve by ana via cli: seen" in cli("approvals", "show", approval.id).output


def test_a_name_alone_decides_nothing_here(asked: Any, cli: Any) -> None:
    approval, ana = asked.ask(), asked.person("ana", Role.SECURITY_ADMIN)
    for vote in ("approve", "deny"):
        result = cli("approvals", vote, approval.id, "--as", ana.account, "--totp", "-", typed="000000\n")
        assert (result.exit_code, "code was not accepted" in result.output) == (1, True)
    assert asked.get(approval).status == "pending"


def test_an_expired_approval_is_told_as_such(asked: Any, cli: Any) -> None:
    asked.clock.advance(timedelta(minutes=-20))
    asked.decision = asked.plan("old")
    approval, ana = asked.ask(), asked.person("ana")
    result = cli("approvals", "approve", approval.id, "--as", ana.account, "--totp", asked.code(ana))
    assert (result.exit_code, "This expired at" in result.output) == (1, True)
