"""Scenario 43: whatever is done to the chain, by whoever can do anything, `audit verify` finds the first bad entry."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner, Result

from deployments.cli import app
from spine.audit import AuditAction, chain, entry
from spine.commitment import Opening, commitment, erase
from spine.ids import TenantId
from store import audit
from store.engine import Database

A, B = TenantId("a"), TenantId("b")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def cli(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command line on a database with five entries for each of two tenants."""
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("OPSSPINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OPSSPINE_SECRET_KEY", Fernet.generate_key().decode())
    for tenant in (A, B):
        with database.system() as connection:
            audit.append_many(connection, tenant, [made(tenant, n) for n in range(5)])

    def run(*words: object) -> Result:
        return CliRunner().invoke(app, ["audit", *map(str, words)])

    return run


def made(tenant: TenantId, n: int) -> Any:
    return entry(tenant, AuditAction.RUNBOOK_RUN, actor="t", at=NOW + timedelta(seconds=n), subject=f"n:{n}")


def tamper(database: Database, *statements: str | Callable[[psycopg.Connection[Any]], None]) -> None:
    """As the superuser, with every trigger off."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        for statement in statements:
            if callable(statement):
                statement(connection)
            else:
                connection.execute(statement)


def rewrite(connection: psycopg.Connection[Any], *, fork: bool = False) -> None:
    """Another third entry, with a commitment and a hash that are its own; with `fork` beside the true one."""
    entry_, salt, previous, number = (
        connection.execute(
            "select entry, salt, prev_hash, id from audit_entries where tenant_id = 'a' and seq = 3"
        ).fetchone()
        or ()
    )
    identity = uuid4() if fork else number
    forged = entry_.replace("n:2", "n:9").replace(str(number), str(identity))
    committed = commitment(forged.encode(), Opening(salt))
    values = (identity, forged, committed, chain(previous, committed))
    if fork:
        connection.execute("alter table audit_entries drop constraint audit_entries_pkey")
        connection.execute(
            "insert into audit_entries"
            "(tenant_id, seq, id, at, action, incident_id, entry, salt, commitment, prev_hash, hash)"
            " select tenant_id, seq, %s, at, action, incident_id, %s, salt, %s, prev_hash, %s from audit_entries"
            " where tenant_id = 'a' and seq = 3",
            values,
        )
    else:
        connection.execute(
            "update audit_entries set id = %s, entry = %s, commitment = %s, hash = %s"
            " where tenant_id = 'a' and seq = 3",
            values,
        )


def erase_unseen(connection: psycopg.Connection[Any]) -> None:
    """As an erasure would, and without a word of it in the trail."""
    text_, salt = connection.execute(
        "select entry, salt from audit_entries where tenant_id = 'a' and seq = 3"
    ).fetchone() or ("", b"")
    less, opening = erase(text_.encode(), Opening(salt), lambda value: value == "n:2", "0" * 12) or (b"", Opening())
    connection.execute(
        "update audit_entries set entry = %s, salt = null, opening = %s, id = %s where tenant_id = 'a' and seq = 3",
        (less.decode(), json.dumps({"keys": dict(opening.keys), "erased": dict(opening.erased)}), uuid4()),
    )


def fork(connection: psycopg.Connection[Any]) -> None:
    rewrite(connection, fork=True)


_SEQ = "tenant_id = 'a' and seq"
ATTACKS = {
    "edit": ([f"update audit_entries set entry = replace(entry, 'n:2', 'n:7') where {_SEQ} = 3"], "entry 3: edited"),
    "edit and rehash": ([rewrite], "entry 4: reordered"),
    "erase what nobody erased": (
        [f"update audit_entries set entry = replace(entry, '\"n:2\"', '\"[erased 000000000000]\"') where {_SEQ} = 3"],
        "entry 3: edited",
    ),
    "erase without a word": ([erase_unseen], "entry 3: erased"),
    "edit a column": ([f"update audit_entries set action = 'incident.closed' where {_SEQ} = 2"], "entry 2: edited"),
    "edit the time": ([f"update audit_entries set at = at - interval '1 day' where {_SEQ} = 2"], "entry 2: edited"),
    "no json": ([f"update audit_entries set entry = 'gone' where {_SEQ} = 2"], "entry 2: edited"),
    "delete": ([f"delete from audit_entries where {_SEQ} = 3"], "entry 3: missing"),
    "delete the first": ([f"delete from audit_entries where {_SEQ} = 1"], "entry 1: missing"),
    "delete and close the gap": (
        [
            f"delete from audit_entries where {_SEQ} = 3",
            f"update audit_entries set seq = seq + 99 where {_SEQ} > 3",  # by a detour: one by one they would collide
            f"update audit_entries set seq = seq - 100 where {_SEQ} > 99",
        ],
        "entry 3: reordered",
    ),
    "swap": (
        [
            f"update audit_entries set seq = 99 where {_SEQ} = 2",
            f"update audit_entries set seq = 2 where {_SEQ} = 3",
            f"update audit_entries set seq = 3 where {_SEQ} = 99",
        ],
        "entry 2: reordered",
    ),
    "truncate": ([f"delete from audit_entries where {_SEQ} > 3"], "entry 4: truncated"),
    "truncate all": (["delete from audit_entries where tenant_id = 'a'"], "entry 1: truncated"),
    "fork": ([fork], "entry 3: forked"),
    "another tenant's": (
        [
            "delete from audit_entries where tenant_id = 'a'",
            "update audit_entries set tenant_id = 'a' where tenant_id = 'b'",
        ],
        "entry 1: edited",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_s43_verify_names_the_first_bad_entry(cli: Any, database: Database, attack: str) -> None:
    assert cli("verify").exit_code == 0
    statements, found = ATTACKS[attack]
    tamper(database, *statements)
    result = cli("verify")
    assert result.exit_code == 1
    assert f"tenant a, {found}" in result.output


def test_s43_the_other_tenants_chain_is_judged_by_itself(cli: Any, database: Database) -> None:
    tamper(database, "delete from audit_entries where tenant_id = 'a' and seq = 3")
    assert cli("verify", "--tenant", "b").exit_code == 0
    assert "tenant b" not in cli("verify").output


_TRUNCATE_WITH_HEAD = [
    "delete from audit_entries where tenant_id = 'a' and seq > 3",
    "update audit_heads h set seq = 3, hash = e.hash from audit_entries e"
    " where h.tenant_id = 'a' and e.tenant_id = 'a' and e.seq = 3",
]


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (_TRUNCATE_WITH_HEAD, "entry 4: truncated"),
        (
            ["delete from audit_entries where tenant_id = 'a'", "delete from audit_heads where tenant_id = 'a'"],
            "entry 1: truncated",
        ),
    ],
    ids=["tail and head", "everything"],
)
def test_s43_a_cut_end_with_its_head_is_found_by_a_checkpoint(
    cli: Any, database: Database, statements: list[str], found: str
) -> None:
    assert cli("checkpoint").exit_code == 0
    tamper(database, *statements)
    result = cli("verify")
    assert result.exit_code == 1
    assert f"tenant a, {found}" in result.output


def test_s43_a_rewritten_end_is_found_by_a_checkpoint(cli: Any, database: Database) -> None:
    cli("checkpoint")
    tamper(database, *_TRUNCATE_WITH_HEAD)
    with database.system() as connection:
        audit.append_many(connection, A, [made(A, n) for n in range(20, 24)])
    result = cli("verify")
    assert result.exit_code == 1
    assert "tenant a, entry 5: forked" in result.output


def test_s43_a_chain_that_grew_since_its_checkpoints_is_whole(cli: Any, database: Database) -> None:
    cli("checkpoint")
    with database.system() as connection:
        audit.append_many(connection, A, [made(A, 9)])
    cli("checkpoint")
    result = cli("verify")
    assert result.exit_code == 0
    assert re.fullmatch(r"audit verify: ok \(2 chains, 2 checkpoints agree, the latest of .{16} UTC\)\n", result.output)


def test_s43_a_forged_checkpoint_proves_nothing(cli: Any, tmp_path: Path) -> None:
    cli("checkpoint")
    file = tmp_path / "audit-checkpoints.txt"
    file.write_text(file.read_text().replace("opsspine.audit/a\n5\n", "opsspine.audit/a\n3\n"))
    result = cli("verify")
    assert result.exit_code == 1
    assert "was not signed by this key" in result.output


def _edited(lines: list[str], change: str) -> list[str]:
    return {
        "edit": [*lines[:2], lines[2].replace("n:2", "n:7"), *lines[3:]],
        "delete": [*lines[:2], *lines[3:]],
        "reorder": [lines[0], lines[2], lines[1], *lines[3:]],
        "truncate": lines[:-1],
        "fork": [*lines[:3], lines[2], *lines[3:]],
        "rubbish": [*lines[:2], "{}", *lines[3:]],
    }[change]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("edit", "tenant a, entry 3: edited"),
        ("delete", "tenant a, entry 3: missing"),
        ("reorder", "tenant a, entry 2: missing"),
        ("truncate", "tenant b, entry 6: truncated"),
        ("fork", "tenant a, entry 3: forked"),
        ("rubbish", "Line 3 of"),
    ],
)
def test_s43_an_export_is_verified_without_the_database(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, found: str
) -> None:
    file = tmp_path / "trail.ndjson"
    assert cli("export", "--out", file).exit_code == 0
    key = cli("key").output.strip()
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("OPSSPINE_SECRET_KEY", Fernet.generate_key().decode())
    whole = cli("verify", file, "--key", key)
    assert whole.exit_code == 0
    assert "audit verify: ok (2 chains, 2 checkpoints agree, the latest of" in whole.output
    file.write_text("\n".join(_edited(file.read_text().splitlines(), change)) + "\n")
    result = cli("verify", file, "--key", key)
    assert result.exit_code == 1
    assert found in result.output


def test_an_export_is_cloudevents_and_is_itself_recorded(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "trail.ndjson"
    cli("export", "--out", file, "--tenant", "a")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {line["specversion"] for line in lines} == {"1.0"}
    assert {line["tenant"] for line in lines} == {"a"}
    assert lines[-1]["data"]["outcome"] == "exported"
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5, 6]


def test_s43_when_the_record_cannot_be_written_the_action_does_not_happen(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    tamper(case.database, "alter table audit_entries add constraint broken check (action <> 'approval.decided')")
    with pytest.raises(DBAPIError, match="broken"):
        case.decide(approval, ana)
    assert case.get(approval).status == "pending"
    with case.database.system() as connection:
        assert connection.execute(text("select count(*) from approval_votes")).scalar_one() == 0
