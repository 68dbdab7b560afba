"""The audit trail in PostgreSQL: numbered, chained, append only, one chain per tenant."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from spine.audit import AuditAction, AuditEntry, chain, entry, genesis
from spine.commitment import commitment
from spine.ids import TenantId
from store import audit
from store.engine import Database

A, B = TenantId("a"), TenantId("b")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def note(tenant: TenantId, number: int) -> AuditEntry:
    at = NOW + timedelta(seconds=number)
    return entry(tenant, AuditAction.RUNBOOK_RUN, actor="test", at=at, subject=f"n:{number}", detail={"n": number})


def test_entries_are_numbered_without_gaps_and_hashed_as_python_hashes_them(database: Database) -> None:
    entries = [note(A, n) for n in range(3)]
    with database.system() as connection:
        assert audit.append_many(connection, A, entries[:2]) == 2
        assert audit.append_many(connection, A, entries[2:]) == 1
        stored = list(audit.links(connection, A))
        assert audit.verify(connection, A) is None
    expected = genesis(A)
    for number, (link, made) in enumerate(zip(stored, entries, strict=True), 1):
        assert (link.seq, link.previous, link.canonical) == (number, expected, made.canonical())
        assert link.opening is not None
        expected = chain(expected, commitment(made.canonical(), link.opening))
        assert link.hash == expected


def test_the_same_entry_told_twice_is_one_entry(database: Database) -> None:
    with database.system() as connection:
        assert audit.append_many(connection, A, [note(A, 1), note(A, 1)]) == 1
        assert audit.append_many(connection, A, [note(A, 1), note(A, 2)]) == 1
        assert [link.seq for link in audit.links(connection, A)] == [1, 2]


def test_a_tenant_writes_and_reads_its_own_chain_only(database: Database) -> None:
    with database.tenant(A) as connection:
        audit.append(connection, A, AuditAction.RUNBOOK_RUN, actor="t", at=NOW, subject="x", incident_id=uuid4())
    with database.system() as connection:
        audit.append_many(connection, B, [note(B, 1)])
    with database.tenant(A) as connection:
        assert audit.tenants(connection) == [A]
        assert audit.head(connection, B) is None
    with pytest.raises(ProgrammingError, match="may not write the audit trail of tenant b"), database.tenant(A) as c:
        audit.append_many(c, B, [note(B, 2)])


def test_an_entry_of_one_tenant_cannot_enter_the_chain_of_another(database: Database) -> None:
    with database.system() as connection, pytest.raises(ValueError, match="cannot go into the chain of b"):
        audit.append_many(connection, B, [note(A, 1)])


@pytest.mark.parametrize("role", ["tenant", "system", "owner"])
@pytest.mark.parametrize(
    "change",
    [
        "update audit_entries set entry = 'x'",
        "delete from audit_entries",
        "truncate audit_entries",
        "delete from audit_heads",
        "truncate audit_heads",
        "update audit_heads set seq = 0",
        "update audit_heads set tenant_id = 'c', seq = seq + 1",
    ],
)
def test_nobody_changes_what_is_written(database: Database, role: str, change: str) -> None:
    with database.system() as connection:
        audit.append_many(connection, A, [note(A, 1)])
    opened = database.tenant(A) if role == "tenant" else getattr(database, role)()
    with pytest.raises(ProgrammingError, match=r"append only|moves forward|permission denied"), opened as connection:
        connection.execute(text(change))


@pytest.mark.parametrize("role", ["tenant", "system"])
def test_nobody_inserts_past_the_function(database: Database, role: str) -> None:
    opened = database.tenant(A) if role == "tenant" else database.system()
    insert = "insert into audit_heads values ('a', 5, sha256(''))"
    with pytest.raises(ProgrammingError, match="permission denied"), opened as connection:
        connection.execute(text(insert))


def test_writers_at_once_make_one_gapless_chain(database: Database) -> None:
    def write(writer: int) -> None:
        for n in range(10):
            with database.system() as connection:
                audit.append_many(connection, A, [note(A, writer * 1000 + n)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    with database.system() as connection:
        assert [link.seq for link in audit.links(connection, A)] == list(range(1, 41))
        assert audit.verify(connection, A) is None


def test_a_change_that_rolls_back_leaves_no_entry(database: Database) -> None:
    with database.system() as connection:
        audit.append_many(connection, A, [note(A, 1)])
        connection.rollback()
    with database.system() as connection:
        assert list(audit.links(connection, A)) == []


def test_a_chain_longer_than_a_page_is_walked_whole(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_PAGE", 3)
    with database.system() as connection:
        audit.append_many(connection, A, [note(A, n) for n in range(8)])
        assert [link.seq for link in audit.links(connection, A)] == list(range(1, 9))
