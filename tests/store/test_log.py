"""What a transaction writes into an incident's story is logged when it is committed, and only then."""

import contextlib
import logging

import pytest

from store.engine import Database, log_when_committed


def test_only_what_was_committed_is_told(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "opsspine.incident")
    with contextlib.suppress(ZeroDivisionError), database.system() as connection:
        log_when_committed(connection, "status: rolled back")
        raise ZeroDivisionError
    for _ in range(3):  # whichever connection of the pool comes next
        with database.system() as connection:
            assert caplog.messages == []
    with database.system() as connection:
        log_when_committed(connection, "status: committed")
        assert caplog.messages == []
    assert caplog.messages == ["status: committed"]
