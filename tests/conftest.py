"""Fixtures everything shares: one real PostgreSQL a session, one fresh migrated database a test."""

import itertools
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
import uvicorn

from store.embedded import EmbeddedPostgres
from store.engine import Database
from store.migrate import migrate

_numbers = itertools.count(1)
hypothesis.settings.register_profile(
    "repeatable", derandomize="OPSSPINE_FUZZ_EXAMPLES" not in os.environ, deadline=None, print_blob=True
)
hypothesis.settings.load_profile(
    "repeatable"
)  # a change is judged by what it changes; a night of fuzzing seeks the rest


def _memory() -> str | None:
    """A folder in memory, where there is one: a fresh database takes 0.04 s there, 0.5 s on a slow disk."""
    folder = Path("/dev/shm")
    roomy = folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 2 * 2**30
    return str(folder) if roomy else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL cluster of this test session, durable settings off: tests kill other things."""
    folder = Path(tempfile.mkdtemp(prefix="opsspine-tests-", dir=_memory()))
    folder.chmod(0o755)
    quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    with EmbeddedPostgres(folder, settings=quick) as server:
        database = Database(server.create_database("template_spine"))
        migrate(database)
        database.close()
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    name = f"t{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f'create database "{name}" template template_spine strategy file_copy')
    yield postgres.url(name)
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)')


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def approval_case(database: Database) -> Any:
    """An incident with a stored plan and people who decide on it (tests/approval_case.py)."""
    return _beside("approval_case").ApprovalCase(database)


@pytest.fixture
def slack_case(approval_case: Any, serve: Callable[[Any], str]) -> Any:
    """The approval case with a gateway and a fake Slack on real ports (tests/slack_case.py)."""
    return _beside("slack_case").SlackCase(approval_case, serve)


@pytest.fixture
def ledger(database: Database) -> Any:
    """An open incident of tenant "acme" with a plan, and what it takes to act on it (tests/ledger_case.py)."""
    return _beside("ledger_case").Ledger(database)


@pytest.fixture
def receiver() -> Iterator[Any]:
    """A program that receives our webhooks over real HTTP (tests/receiver.py)."""
    listening = _beside("receiver").Receiver()
    yield listening
    listening.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on the whole spine last: while it runs, it takes its share of the machine from everything else.

    Scenarios that kill and restart its processes take minutes; they run by `make test-slow`.
    """
    items.sort(key=lambda item: "stack" in getattr(item, "fixturenames", ()))
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()) and item.path.parent.name == "scenarios":
            item.add_marker(pytest.mark.slow)


def _beside(name: str) -> Any:
    """The module `name` beside this file: pytest's importlib mode makes `tests` no package."""
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public test data; skips where it is absent (set OPSSPINE_TEST_DATA)."""
    folder = Path(os.environ.get("OPSSPINE_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no public test data at {folder}; set OPSSPINE_TEST_DATA to run this")
    return folder


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Serves an ASGI application over real HTTP for the length of the test; returns its base URL."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: Any) -> str:
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            time.sleep(0.005)
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield start
    for server, _ in servers:
        server.should_exit = True
    for _, thread in servers:
        thread.join(10)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real browser (tests/browser.py), one for a file: while it lives, its thread can run no other event loop."""
    yield from _beside("browser").make()


@pytest.fixture(scope="session")
def stack() -> Iterator[Any]:
    """The whole spine as processes (tests/stack.py), one for the session; tests use a tenant each."""
    yield from _beside("stack").make(_memory())


@pytest.fixture
def tenant(stack: Any) -> Any:
    """A fresh tenant of the running spine, with a responder and an attack to play."""
    return _beside("tenant").Tenant(stack)


@pytest.fixture(scope="session")
def cast() -> Callable[[Any], Any]:
    """Makes a responder of a fresh tenant on a running spine (tests/responder.py); the tenant is its `tenant`."""
    tenants, responders = _beside("tenant"), _beside("responder")
    return lambda stack: responders.Responder(tenants.Tenant(stack))
