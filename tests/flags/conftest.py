"""The gateway on a real socket, and a key to it."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI

from gateway.app import create_app
from store.keys import add_key


@pytest.fixture
def app(ledger) -> FastAPI:
    return create_app(ledger.settings, ledger.database, clock=ledger.clock)


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    """The gateway on a real socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def secret(ledger) -> str:
    with ledger.database.system() as connection:
        return add_key(connection, ledger.tenant, "app", ["flags:read"], now=ledger.clock.now())[1]
