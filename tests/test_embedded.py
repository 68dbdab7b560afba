"""The embedded PostgreSQL starts, keeps data, and comes back from SIGKILL on its old port."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from store.embedded import EmbeddedPostgres
from store.engine import Database
from store.migrate import current, newest


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="opsspine-embedded-"))
    folder.chmod(0o755)
    with EmbeddedPostgres(folder) as started:
        yield started
    shutil.rmtree(folder)


def test_a_migrated_database_is_at_the_newest_revision(database: Database) -> None:
    assert current(database) == newest()


def test_committed_rows_survive_sigkill_and_the_server_returns_where_it_was(server: EmbeddedPostgres) -> None:
    url, port = server.create_database("kept"), server.port
    clients = [psycopg.connect(url, autocommit=True) for _ in range(5)]
    clients[0].execute("create table t(n int)")
    clients[0].execute("insert into t select generate_series(1, 200)")
    postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    until = time.monotonic() + 30
    while not server.revive() and time.monotonic() < until:
        time.sleep(0.05)
    assert server.port == port
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from t").fetchone() == (200,)
    for client in clients:
        client.close()


def test_a_second_handle_keeps_the_server_and_the_last_one_stops_it(server: EmbeddedPostgres) -> None:
    second = EmbeddedPostgres(server.folder).start()
    assert second.port == server.port
    server.stop()
    psycopg.connect(second.url()).close()
    second.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(second.url(), connect_timeout=2)
