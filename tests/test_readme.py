"""The README does what it says: its examples run, its commands, settings and links exist."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deployments.docs.command import commands, options
from deployments.docs.setting import variables
from gateway.app import create_app
from gateway.auth import Scope
from spine.ids import TenantId
from spine.settings import Settings
from store import flags
from store.engine import Database
from store.keys import add_key

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOP = TenantId("shop")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


LIBRARY = [block for block in blocks("python") if "SPINE_URL" not in block]
(FLAG_EXAMPLE,) = (block for block in blocks("python") if "SPINE_URL" in block)
(CURL,) = (block for block in blocks("bash") if "curl" in block)
COMMANDS = {words.strip("\\ \n") for block in blocks("bash") for words in re.findall(r"\bopsspine [^\n)]+", block)}
COMMANDS |= set(re.findall(r"`(opsspine [a-z][^`]*)`", README.replace("\n", " ")))


def clean_environment(**more: str) -> dict[str, str]:
    """This machine's variables without a spine or database of anybody."""
    kept = {n: v for n, v in os.environ.items() if n != "DATABASE_URL" and not n.startswith(("OPSSPINE_", "PREFECT_"))}
    return {**kept, **more}


def run_python(program: str, **environment: str) -> str:
    whole = clean_environment(**environment)
    done = subprocess.run(
        [sys.executable, "-c", program], env=whole, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def shop(database: Database, serve: Callable[[Any], str]) -> dict[str, str]:
    """What the README exports: the gateway's address and a key of the tenant "shop"."""
    with database.system() as connection:
        scopes = [Scope.EVENTS_WRITE.value, Scope.FLAGS_READ.value]
        secret = add_key(connection, SHOP, "shop", scopes, now=datetime.now(UTC))[1]
    return {"SPINE_URL": serve(create_app(Settings(), database)), "SPINE_KEY": secret}


@pytest.mark.parametrize("block", LIBRARY, ids=lambda block: block.strip().splitlines()[-1][:40])
def test_a_library_example_runs_without_database_and_orchestrator(block: str) -> None:
    run_python(block + "\nimport sys\nassert 'prefect' not in sys.modules\n")


def test_there_are_the_four_library_examples() -> None:
    called = ("entry(", "FlagController(", "run_checks(", "run_auth_ops_spine(")
    assert [sum(name in block for block in LIBRARY) for name in called] == [1, 1, 1, 1]


def test_the_flag_example_reads_what_the_spine_says(database: Database, shop: dict[str, str]) -> None:
    assert run_python(FLAG_EXAMPLE, **shop).split()[0] == "False"
    with database.tenant(SHOP) as connection:
        flags.put(
            connection, SHOP, "auth.ipThrottle.enabled",
            {"variants": {"on": True, "off": False}, "defaultVariant": "on", "metadata": {"perMinute": 1}},
            expected_version=0, actor="person:ada@example.com", reason="drill", at=datetime.now(UTC),
        )  # fmt: skip
    assert run_python(FLAG_EXAMPLE, **shop) == "True {'perMinute': 1}\n"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the example uses curl, which is not installed")
def test_the_curl_example_sends_an_event(database: Database, shop: dict[str, str]) -> None:
    sent = "\n".join(line for line in CURL.splitlines() if not line.startswith("export"))
    done = subprocess.run(
        ["bash", "-c", sent], env=clean_environment(**shop), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {"accepted": 1, "duplicate": 0, "rejected": []}


def test_the_sql_examples_let_an_application_write_its_own_events_only(database_url: str) -> None:
    role, insert = blocks("sql")
    theirs = re.sub(r"//[^@]+@", "//shop:change-me@", database_url)
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(role)
        try:
            with psycopg.connect(theirs, autocommit=True) as application:
                application.execute(insert)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    application.execute("insert into auth_ops_logs(id, type, tenant_id) values ('1', 'other', 't2')")
            assert owner.execute("select tenant_id, type from auth_ops_logs").fetchall() == [("shop", "login_failed")]
        finally:
            owner.execute("drop role shop")


@pytest.mark.parametrize("typed", sorted(COMMANDS))
def test_a_command_exists_with_its_options(typed: str) -> None:
    words = shlex.split(typed)[1:]
    known = dict(commands())
    found = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in known), None)
    assert found, f"there is no command for {typed!r}"
    assert {word for word in words if word.startswith("--")} <= options(known[found])


def test_there_are_commands_to_test() -> None:
    assert {"people add", "keys add", "approvals approve", "backtest"} <= {
        words for words, _ in commands() if any(typed.startswith(f"opsspine {words}") for typed in COMMANDS)
    }


def test_every_setting_it_names_exists() -> None:
    named = set(re.findall(r"\b(?:OPSSPINE_[A-Z0-9_]+|DATABASE_URL|APP_NAME)\b", README)) - {"OPSSPINE_TEST_DATA"}
    assert len(named) > 10
    assert named <= variables()


def test_every_link_leads_somewhere() -> None:
    targets = [t for t in re.findall(r"\]\(([^)#]+)[^)]*\)", README) if "://" not in t]
    assert len(targets) > 10
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_ci_runs_the_commands_of_the_readme() -> None:
    (tested,) = (block.split("\n") for block in blocks("bash") if "make test" in block)
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert {line for line in tested if line} == {line for line in ci if line.startswith("make ")}
    goals = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    typed = {
        goal
        for block in blocks("bash")
        for line in re.findall(r"^make ([a-z ]+)", block, re.M)
        for goal in line.split()
    }
    assert typed <= set(goals)
