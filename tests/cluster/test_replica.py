"""A client's choice among several Prefect servers."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks import replica
from blocks.listening import first_listening, listens
from deployments.cluster.environment import prefect_clients, prefect_servers


@pytest.fixture
def server() -> Iterator[str]:
    """An address where somebody listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"


NOBODY = "http://127.0.0.1:9/api"


def test_the_first_that_listens_is_taken(server: str) -> None:
    assert asyncio.run(listens(server))
    assert not asyncio.run(listens(NOBODY))
    assert asyncio.run(first_listening([NOBODY, server])) == server
    assert asyncio.run(first_listening([NOBODY])) is None


@pytest.mark.parametrize("somebody", [True, False])
def test_a_call_goes_to_a_server_that_listens(server: str, somebody: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "_urls", lambda: (NOBODY, server) if somebody else (NOBODY, NOBODY))

    async def asked() -> str:
        async with replica.client() as client:
            return str(client.api_url).rstrip("/")

    assert asyncio.run(asked()) == (server if somebody else NOBODY)


def test_a_runner_begins_with_a_server_that_listens(server: str, tmp_path: Path) -> None:
    (program := tmp_path / "told.py").write_text("import os; print(os.environ['PREFECT_API_URL'])")
    environment = {
        "OPSSPINE_PREFECT__API_URL": NOBODY, "OPSSPINE_PREFECT__MORE_API_URLS": f'["{server}"]',
        "PYTHONPATH": str(program.parent),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "deployments.replica", "told"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == server


def test_each_process_begins_with_another_server_and_knows_them_all() -> None:
    urls = ("http://a/api", "http://b/api")
    first, second, third = (prefect_clients(urls, "user:word", n) for n in range(3))
    assert (first["PREFECT_API_URL"], second["PREFECT_API_URL"]) == urls
    assert second["OPSSPINE_PREFECT__MORE_API_URLS"] == '["http://a/api"]'
    assert third == first


def test_what_prefect_keeps_in_redis_lies_in_three_databases() -> None:
    made = prefect_servers("redis://:word@host:6379/7", "user:word")
    found = sorted(value for value in made.values() if value.startswith("redis://"))
    assert found == [f"redis://:word@host:6379/{n}" for n in range(3)]
