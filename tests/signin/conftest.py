"""A gateway with people, served over real HTTP, and browsers (httpx clients with cookies) that sign in to it."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography.fernet import Fernet

from gateway.app import create_app
from spine import totp
from spine.clock import ManualClock
from spine.ids import TenantId
from spine.person import Person, Role
from spine.settings import Settings
from store import people, signin_link
from store.engine import Database
from store.secrets import Vault

HOME = "/admin/auth-ops"
SESSION = "/api/ops/session"


class Site:
    """The gateway at `url`, by a clock of its own, and the people it knows."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock(datetime.now(UTC).replace(microsecond=0))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        self.settings = Settings(secret_key=Fernet.generate_key().decode())
        self.settings.gateway.public_url = self.url
        self.secrets: dict[str, str] = {}
        self._server: uvicorn.Server | None = None

    def start(self) -> None:
        app = create_app(self.settings, self.database, clock=self.clock)
        config = uvicorn.Config(app, host="127.0.0.1", port=self.port, log_config=None, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the gateway did not start"
            time.sleep(0.005)

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
            self._thread.join(10)

    def person(self, name: str = "ann", role: Role = Role.RESPONDER, tenant: str = "acme") -> Person:
        """Somebody with a role and an authenticator that was used before."""
        with self.database.system() as connection:
            made, secret = people.add(
                connection, f"{name}@example.org", name.title(), [(TenantId(tenant), role)],
                vault=Vault.of(self.settings), actor="test", now=self.clock.now(),
            )  # fmt: skip
        if secret:
            self.secrets[made.email] = secret
        return made

    def code(self, person: Person) -> str:
        """The next code of a person's authenticator, one that was not used yet."""
        self.clock.advance(timedelta(seconds=totp.PERIOD_SECONDS))
        return totp.code_at(self.secrets[person.email], self.clock.now())

    def link(self, person: Person, enrols: bool | None = False) -> str:
        """A link's token."""
        with self.database.system() as connection:
            made = signin_link.issue(
                connection, person, enrols=enrols, settings=self.settings, lasts=timedelta(hours=1),
                actor="test", now=self.clock.now(),
            )  # fmt: skip
        return made.token

    def browser(self, **more: Any) -> "Browser":
        return Browser(self, **more)

    def signed_in(self, person: Person) -> "Browser":
        """A browser of somebody who has just signed in by link and code, which is a fresh second factor."""
        browser = self.browser()
        answer = browser.post(f"{SESSION}/link", json={"token": self.link(person), "code": self.code(person)})
        assert answer.status_code == 200, answer.text
        browser.csrf = answer.json()["csrf"]
        return browser


class Browser(httpx.Client):
    """Keeps cookies, sends the session's CSRF token, and fills in forms."""

    def __init__(self, site: Site, **more: Any) -> None:
        super().__init__(base_url=site.url, timeout=60, **more)
        self.csrf = ""

    def request(self, method: str, url: Any, **more: Any) -> httpx.Response:
        if self.csrf and method != "GET" and more.get("data") is None:
            more["headers"] = {"X-CSRF-Token": self.csrf, **(more.get("headers") or {})}
        return super().request(method, url, **more)

    def fill(self, page: str, action: str, **fields: str) -> httpx.Response:
        """Load `page`, fill in its form that goes to `action`, and send it, hidden fields included."""
        html = self.get(page).text
        return self.send_form(html, action, **fields)

    def send_form(self, html: str, action: str, **fields: str) -> httpx.Response:
        form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', html, re.DOTALL)
        assert form is not None, html
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
        return self.post(action, data={**hidden, **fields})


@pytest.fixture
def site(database: Database) -> Iterator[Site]:
    """A gateway that runs; change its settings, which are read as they are."""
    made = Site(database)
    made.start()
    yield made
    made.stop()
