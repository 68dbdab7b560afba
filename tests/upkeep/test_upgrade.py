"""A database of the first release becomes one of a later release while people go on writing and reading."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from spine.audit import AuditAction
from spine.ids import TenantId
from store import audit
from store import migrate as migrating
from store.embedded import EmbeddedPostgres
from store.engine import Database
from store.migrate import MIGRATIONS, current, known_revisions, migrate, newest
from store.migration_freeze import changed, freeze, released
from store.migration_step import problems, statements
from store.vital import schema

FIRST = "0001"
T = TenantId("acme")
STEP = """
from pathlib import Path
from alembic import op
from store.migration_step import run

revision, down_revision = "{0}", "{1}"


def upgrade() -> None:
    run(op, Path(__file__).parent.parent / "{2}")
"""
EXPAND = "alter table incidents add column region text; create table regions(name text primary key);"
CONCURRENT = "create index concurrently if not exists incidents_region on incidents(region) -- by place"
BACKFILL = (
    "update incidents set region = 'eu' where id in (select id from incidents where region is null limit 7 for update)"
)
CONTRACT = "-- contract of v0002_region\nalter table incidents drop column region"


def add(folder: Path, revision: str, before: str, name: str, **files: str) -> None:
    """A migration as somebody would write one."""
    (folder / name).mkdir()
    for file, sql in files.items():
        (folder / name / f"{file}.sql").write_text(sql)
    (folder / "versions" / f"{revision}_x.py").write_text(STEP.format(revision, before, name))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Our migrations, to which a test adds some."""
    copy = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture
def first(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Database]:
    """A database as the first release made it, with data."""
    only = tmp_path / "first"
    shutil.copytree(MIGRATIONS, only, ignore=shutil.ignore_patterns("__pycache__", "v000[2-9]*", "000[2-9]*"))
    opened = Database(postgres.create_database("first_release"))
    assert migrate(opened, folder=only) == FIRST
    with opened.system() as connection:
        connection.execute(
            text(
                "insert into incidents(id, tenant_id, kind, subject, status, severity, title, first_event_at,"
                " opened_at, last_finding_at) select gen_random_uuid(), 'acme', 'FAILED_LOGINS_SPIKE', 's' || n,"
                " 'open', 2, 't', now(), now(), now() from generate_series(1, 50) n"
            )
        )
    yield opened
    opened.close()
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("drop database first_release with (force)")


@contextmanager
def people_at_work(database: Database) -> Iterator[dict[str, list[float]]]:
    """A writer and a reader of the first release, who never stop; how long each turn took, in seconds."""
    over, turns, errors = threading.Event(), {"write": list[float](), "read": list[float]()}, list[Exception]()

    def write(number: int) -> None:
        with database.system() as connection:
            connection.execute(text("update incidents set severity = 1 + severity % 3 where subject = 's1'"))
            audit.append(
                connection, T, AuditAction.RUNBOOK_RUN, actor="t", at=datetime.now(UTC), subject=f"n:{number}"
            )  # fmt: skip
        with database.tenant(T) as connection:
            connection.execute(
                text("insert into auth_ops_logs(id, type) values(:id, 'login_failed')"), {"id": f"e{number}"}
            )

    def read(_: int) -> None:
        with database.tenant(T) as connection:
            assert connection.execute(text("select count(*) from incidents")).scalar_one() == 50

    def repeat(name: str, turn: object) -> None:
        number = 0
        while not over.is_set():
            began = time.monotonic()
            try:
                turn(number := number + 1)  # type: ignore[operator]
            except Exception as error:
                errors.append(error)
                return
            turns[name].append(time.monotonic() - began)

    threads = [threading.Thread(target=repeat, args=one) for one in (("write", write), ("read", read))]
    for thread in threads:
        thread.start()
    try:
        while not all(turns.values()) and not errors:
            time.sleep(0.01)
        yield turns
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert errors == []


def test_the_first_release_becomes_the_newest_while_people_work(first: Database) -> None:
    with people_at_work(first):
        assert migrate(first) == newest()
    _still_good(first)


def test_an_expansion_and_its_contraction_while_people_work(first: Database, folder: Path) -> None:
    head = newest(folder)
    add(folder, "9001", head, "v9001_region", expand=EXPAND, concurrent=CONCURRENT, backfill=BACKFILL)
    with people_at_work(first) as turns:
        assert migrate(first, folder=folder) == "9001"
        done = len(turns["write"])
        while len(turns["write"]) < done + 3:  # the old code goes on with the new schema
            time.sleep(0.01)
        assert schema(first).status.value == "pass"  # and finds it good
        assert migrate(first) == "9001"  # an older version that starts now leaves it alone
        with first.owner() as connection:
            filled = connection.execute(text("select count(*), count(region) from incidents")).one()
            valid = connection.execute(
                text("select indisvalid from pg_index where indexrelid = 'incidents_region'::regclass")
            )
            assert (tuple(filled), valid.scalar_one()) == ((50, 50), True)
        add(folder, "9002", "9001", "v9002_region_gone", contract=CONTRACT)
        assert migrate(first, folder=folder) == "9002"
    _still_good(first)


def _still_good(database: Database) -> None:
    with database.system() as connection:
        assert audit.verify(connection, T) is None
        told = connection.execute(text("select count(*) from audit_entries")).scalar_one()
        assert connection.execute(text("select count(*) from auth_ops_logs")).scalar_one() in (told, told - 1)


def test_a_migration_gives_way_to_whoever_holds_a_lock_and_comes_again(
    first: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "_PAUSE_SECONDS", 0.1)
    add(folder, "9001", newest(folder), "v9001_region", expand=EXPAND)
    with first.system() as holding:
        holding.execute(text("select count(*) from incidents"))
        migrator = threading.Thread(target=migrate, args=(first,), kwargs={"folder": folder})
        migrator.start()
        time.sleep(2.5)
        with people_at_work(first) as turns:  # nobody is queued behind the migration for longer than its patience
            assert current(first) == newest()
            assert turns
    migrator.join(60)
    assert current(first) == "9001"


def test_several_machines_start_at_once_and_one_migrates(first: Database, folder: Path) -> None:
    add(folder, "9001", newest(folder), "v9001_region", expand=EXPAND, concurrent=CONCURRENT)
    threads = [threading.Thread(target=migrate, args=(first,), kwargs={"folder": folder}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert current(first) == "9001"


@pytest.mark.parametrize(
    ("files", "because"),
    [
        ({"expand": "alter table t drop column c"}, "before its time"),
        ({"expand": "alter table t rename to u"}, "renames"),
        ({"expand": "create index i on t(c)"}, "concurrent.sql"),
        ({"expand": "alter table t alter column c type bigint"}, "rewrites the table"),
        ({"expand": "alter table t alter column c set not null"}, "not valid"),
        ({"expand": "alter table t add column c int not null"}, "give a default"),
        ({"expand": "alter table t add constraint x check (c > 0)"}, "not valid"),
        ({"expand": "alter table t add unique (c)"}, "under a lock"),
        ({"expand": "update t set c = 1"}, "backfill.sql"),
        ({"backfill": "update t set c = 1 where c is null"}, "no limit"),
        ({"concurrent": "create index i on t(c)"}, "belong here"),
        ({"contract": "alter table t drop column c"}, "first line"),
        ({"contract": "-- contract of v9999\nalter table t drop column c"}, "first line"),
        ({"contract": CONTRACT, "expand": EXPAND}, "of its own"),
        ({"other": "select 1"}, "only expand.sql"),
    ],
)
def test_what_would_stand_in_the_way_is_named(tmp_path: Path, files: dict[str, str], because: str) -> None:
    folder = tmp_path / "v0003_x"
    folder.mkdir()
    for name, sql in files.items():
        (folder / f"{name}.sql").write_text(sql)
    assert because in " ".join(problems(folder))


@pytest.mark.parametrize(
    "files",
    [
        {"expand": EXPAND, "concurrent": CONCURRENT, "backfill": BACKFILL},
        {"contract": CONTRACT},
        {"expand": "alter table t add column c int not null default 0; alter table t add check (c > 0) not valid"},
        {"expand": "create function f() returns void language sql as $$ update t set c = 1; $$"},
    ],
)
def test_what_does_not_is_let_through(tmp_path: Path, files: dict[str, str]) -> None:
    folder = tmp_path / "v0003_x"
    folder.mkdir()
    for name, sql in files.items():
        (folder / f"{name}.sql").write_text(sql)
    assert problems(folder) == []


def test_every_later_migration_keeps_the_rules() -> None:
    later = [folder for folder in sorted(MIGRATIONS.glob("v[0-9]*")) if folder.name != "v0001"]
    assert [problem for folder in later for problem in problems(folder)] == []
    assert len(known_revisions()) == 1 + len(later)


def test_what_was_released_is_as_it_was_and_nothing_follows_what_was_not() -> None:
    assert changed() == []
    if len(known_revisions()) > 1:
        assert released(), "freeze the first release before a second migration: python -m store.migration_freeze"


def test_a_change_of_what_was_released_is_found(folder: Path) -> None:
    assert changed(folder) == []
    assert freeze(folder) > 10
    assert (changed(folder), freeze(folder)) == ([], 0)
    (folder / "v0001" / "10_events.sql").write_text("select 1")
    (folder / "v0001" / "99_more.sql").write_text("select 1")
    assert changed(folder) == ["v0001/10_events.sql", "v0001/99_more.sql"]
    with pytest.raises(ValueError, match="add a migration"):
        freeze(folder)


def test_statements_are_told_apart() -> None:
    assert statements("a; -- c;\n b;") == ["a", "b"]


def test_a_database_without_a_schema_is_not_well(postgres: EmbeddedPostgres) -> None:
    opened = Database(postgres.create_database("no_schema"))
    assert schema(opened).status.value == "fail"
    opened.close()
