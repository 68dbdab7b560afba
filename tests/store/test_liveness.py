"""A holder is alive exactly as long as its process."""

import os
import signal
import subprocess
import sys
import time
from uuid import uuid4

from store.engine import Database
from store.liveness import alive, first_alive, is_alive


def test_a_holder_is_alive_within_its_block_only(database: Database, database_url: str) -> None:
    holder, other = uuid4(), uuid4()
    with alive(database_url, holder), database.system() as connection:
        assert is_alive(connection, holder)
        assert not is_alive(connection, other)
    with database.system() as connection:
        assert not is_alive(connection, holder)


def test_a_killed_process_is_dead_at_once(database: Database, database_url: str) -> None:
    holder = uuid4()
    code = (
        "import sys, time, uuid; from store.liveness import alive\n"
        f"with alive(sys.argv[1], uuid.UUID('{holder}')): print('held', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, database_url], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    with database.system() as connection:
        assert is_alive(connection, holder)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        with database.system() as connection:
            if not is_alive(connection, holder):
                return
    raise AssertionError("still counted as alive five seconds after SIGKILL")


def test_the_first_of_a_group_knows_that_it_is_alone(database_url: str) -> None:
    group = uuid4()
    with first_alive(database_url, group) as first:
        with first_alive(database_url, group) as second, first_alive(database_url, uuid4()) as other:
            assert (first, second, other) == (True, False, True)
        with first_alive(database_url, group) as third:
            assert not third
    with first_alive(database_url, group) as fourth:
        assert fourth
