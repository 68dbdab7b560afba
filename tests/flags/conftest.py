"""The gateway on a real socket, and a key to it."""

import contextlib
import http.client
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI
from pydantic import SecretStr

from gateway.app import create_app
from spine import totp
from spine.ids import TenantId
from spine.person import PersonRef, Role
from spine.session import Method
from spine.settings import FlagSettings
from store import people, sessions
from store.keys import add_key
from store.secrets import Vault


@pytest.fixture
def app(ledger) -> FastAPI:
    flag = FlagSettings(key_check_seconds=0.2, heartbeat_seconds=0.5)
    return create_app(ledger.settings.model_copy(update={"flag": flag}), ledger.database, clock=ledger.clock)


@pytest.fixture
def url(app: FastAPI, serve: Callable[[Any], str]) -> str:
    """The gateway on a real socket."""
    return serve(app)


@pytest.fixture
def secret(ledger) -> str:
    with ledger.database.system() as connection:
        return add_key(connection, ledger.tenant, "app", ["flags:read"], now=ledger.clock.now())[1]


class Listening:
    """One open stream of flag changes, read in a thread."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.url = url
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.comments = 0
        self.ended = threading.Event()
        at = urlsplit(url)
        self._connection = http.client.HTTPConnection(at.netloc, timeout=30)
        self._connection.request("GET", f"{at.path}?{at.query}", headers=headers)
        self._socket = self._connection.sock
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for raw in self._connection.getresponse():
                line = raw.decode()
                if line.startswith("data:"):
                    self.events.put(json.loads(line.removeprefix("data:")))
                elif line.startswith(":"):
                    self.comments += 1
        except (OSError, http.client.HTTPException):
            pass  # closed by `close`
        self.ended.set()

    def close(self) -> None:
        """Go away, as a browser does."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()

    def next(self, seconds: float = 5) -> dict[str, Any]:
        """The next event; fails when none comes in time."""
        return self.events.get(timeout=seconds)

    def quiet(self, seconds: float) -> bool:
        """True when nothing is told for so long."""
        time.sleep(seconds)
        return self.events.empty()


@pytest.fixture
def listen(secret: str) -> Iterator[Callable[..., Listening]]:
    """Opens streams as a browser does: the address is out of a bulk answer, and no header carries a key."""
    opened: list[Listening] = []

    def start(url: str, *, key: str = secret, **headers: str) -> Listening:
        answer = httpx.post(f"{url}/ofrep/v1/evaluate/flags", headers={"X-API-Key": key}, json={"context": {}})
        stream = answer.json()["eventStreams"][0]
        assert stream["type"] == "sse"
        opened.append(Listening(f"{url}{stream['endpoint']['requestUri']}", headers))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


class Office:
    """Those who look after flags, signed in or with a key, at a gateway on a real port."""

    def __init__(self, ledger: Any, serve: Callable[[Any], str]) -> None:
        self.ledger, self.tenant = ledger, ledger.tenant
        self.settings = ledger.settings.model_copy(update={"secret_key": SecretStr(Fernet.generate_key().decode())})
        self.url = serve(create_app(self.settings, ledger.database, clock=ledger.clock))
        self._opened: list[httpx.Client] = []

    def key(self, *scopes: str, tenant: str = "acme") -> httpx.Client:
        """A program with these scopes (to write flags by default)."""
        with self.ledger.database.system() as connection:
            _, secret = add_key(
                connection, TenantId(tenant), "ci", scopes or ["flags:write"], now=self.ledger.clock.now()
            )
        return self._client({"X-API-Key": secret})

    def person(
        self, name: str, role: Role = Role.RESPONDER, *, stepped_up: bool = True
    ) -> tuple[httpx.Client, Callable[[], str]]:
        """Somebody signed in, and their authenticator."""
        ref, now = PersonRef.by_email(f"{name}@example.org"), self.ledger.clock.now()
        with self.ledger.database.system() as connection:
            who, secret = people.add(
                connection, ref.account, name, [(self.tenant, role)], vault=Vault.of(self.settings), actor="test",
                now=now,
            )  # fmt: skip
            session, token = sessions.begin(
                connection, who, Method.LINK, now=now, settings=self.settings.signin, stepped_up=stepped_up,
                tenant=self.tenant,
            )  # fmt: skip
        assert secret is not None
        headers = {"Cookie": f"opsspine={token}", "X-CSRF-Token": session.csrf, "Origin": self.url}
        return self._client(headers), lambda: totp.code_at(secret, self.ledger.clock.now())

    def _client(self, headers: dict[str, str]) -> httpx.Client:
        self._opened.append(httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60))
        return self._opened[-1]

    def close(self) -> None:
        """Close every client."""
        for one in self._opened:
            one.close()


@pytest.fixture
def office(ledger, serve: Callable[[Any], str]) -> Iterator[Office]:
    opened = Office(ledger, serve)
    yield opened
    opened.close()
