"""A gateway over a fresh database, callers of two tenants, and commands carried out as their run would."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from deployments.gateway_ports import specs
from gateway.app import create_app
from gateway.auth import OF_PEOPLE, Scope
from runbooks import catalogue
from spine import totp
from spine.clock import ManualClock
from spine.deployment import OBEY
from spine.ids import CommandId, TenantId, mint
from spine.person import Person, PersonRef, Role
from spine.session import Method
from spine.settings import Settings
from store import decisions, incidents, people, sessions
from store.engine import Database
from store.keys import add_key
from store.secrets import Vault
from tasks import commanding
from tasks.mitigating import StepResult, mitigate_step
from tasks.planning import plan_incident

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
EVERY_SCOPE = tuple(scope.value for scope in Scope if scope not in OF_PEOPLE)


class Edge:
    """The gateway on a real port, and what it takes to call it as somebody."""

    def __init__(self, database: Database, serve: Callable[[Any], str]) -> None:
        self.database = database
        self.clock = ManualClock(datetime.now(UTC))
        self.settings = Settings(env="prod", secret_key=Fernet.generate_key().decode())
        self.started: list[tuple[str, dict[str, Any], str]] = []
        self.woken: list[UUID] = []
        self.obeys = True
        self.app = create_app(
            self.settings, database, clock=self.clock, start=self._start, wake=self._wake, actions=specs
        )
        self.url = serve(self.app)
        self._clients: list[httpx.Client] = []

    async def _start(self, deployment: str, parameters: Mapping[str, Any], key: str) -> bool:
        """The run, in this process: what the orchestrator would start, without waiting for one."""
        self.started.append((deployment, dict(parameters), key))
        if deployment != OBEY or not self.obeys:
            return False
        command = CommandId(UUID(parameters["command_id"]))
        await asyncio.to_thread(
            commanding.obey, self.database, self.settings, command, books=catalogue(), run=mint(), now=self.clock.now()
        )
        return False

    async def _wake(self, approval: UUID) -> None:
        self.woken.append(approval)

    def key(self, tenant: TenantId = ACME, *scopes: str, name: str = "shop") -> httpx.Client:
        """A program of `tenant`, with every scope a key can have unless told otherwise."""
        with self.database.system() as connection:
            _, secret = add_key(connection, tenant, name, scopes or EVERY_SCOPE, now=self.clock.now())
        return self.client({"Authorization": f"Bearer {secret}"})

    def person(
        self, name: str = "ann", *roles: Role, tenant: TenantId = ACME, stepped_up: bool = True
    ) -> tuple[httpx.Client, Person, Callable[[], str]]:
        """Somebody signed in (an incident commander by default): their browser, themselves, their authenticator."""
        ref, now = PersonRef.by_email(f"{name}@example.org"), self.clock.now()
        held = [(tenant, role) for role in roles or (Role.INCIDENT_COMMANDER,)]
        with self.database.system() as connection:
            who, secret = people.add(
                connection, ref.account, name, held, vault=Vault.of(self.settings), actor="test", now=now
            )
        browser = self.browser(who, tenant, stepped_up=stepped_up)
        return browser, who, lambda: totp.code_at(str(secret), self.clock.now())

    def browser(self, who: Person, tenant: TenantId = ACME, *, stepped_up: bool = True) -> httpx.Client:
        """A new session of a known person."""
        with self.database.system() as connection:
            session, token = sessions.begin(
                connection, who, Method.LINK, now=self.clock.now(), settings=self.settings.signin,
                stepped_up=stepped_up, tenant=tenant,
            )  # fmt: skip
        return self.client({"Cookie": f"opsspine={token}", "X-CSRF-Token": session.csrf})

    def client(self, headers: Mapping[str, str] | None = None) -> httpx.Client:
        """Somebody who calls with these headers."""
        made = httpx.Client(base_url=self.url, headers=dict(headers or {}), trust_env=False, timeout=30)
        self._clients.append(made)
        return made

    def rows(self, query: str, **values: object) -> list[Any]:
        """What a query finds, across tenants."""
        with self.database.system() as connection:
            return list(connection.execute(text(query), values))

    def carry_out(self, incident: str) -> list[StepResult]:
        """What the runbook's run does with the plan in force: every step that may run."""
        with self.database.system() as connection:
            plan = decisions.current(connection, UUID(incident))
            fence = incidents.take(connection, UUID(incident), None)
        assert plan is not None
        return [
            mitigate_step(self.database, self.settings, plan, step, fence=fence, now=self.clock.now())
            for step in plan.steps
        ]

    def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            client.close()


@pytest.fixture
def edge(database: Database, serve: Callable[[Any], str]) -> Iterator[Edge]:
    """A gateway over a fresh database."""
    opened = Edge(database, serve)
    yield opened
    opened.close()


@pytest.fixture
def plan_of() -> Callable[[Edge, str], Any]:
    """Freezes an incident's plan as its runbook's run would."""

    def plan(edge: Edge, incident: str) -> Any:
        with edge.database.system() as connection:
            found = incidents.get(connection, UUID(incident))
            fence = incidents.take(connection, found.id, mint())
        book = catalogue()[found.kind]
        return plan_incident(edge.database, edge.settings, book, found.id, fence=fence, now=edge.clock.now())

    return plan


@pytest.fixture
def incident(edge: Edge) -> str:
    """An incident under way in the tenant acme, told by an application; its id."""
    snapshot = {"failures_15m": 900, "successes_15m": 30, "users_15m": 250, "usual_failures_per_hour": 40}
    told = {"event_id": "first", "occurred_at": edge.clock.now().isoformat(), "metrics_snapshot": snapshot}
    answer = edge.key(name="teller").post("/api/ops/auth", json=told)
    return str(answer.json()["incidents"][0]["incident"]["id"])


@pytest.fixture
def victim(edge: Edge) -> Any:
    """Another tenant with one of everything (tests/api/world.py)."""
    return _world().Victim(edge)


@pytest.fixture
def routes(edge: Edge) -> list[Any]:
    """Every route of the application."""
    found: list[Any] = _world().routes(edge.app)
    return found


@cache
def _world() -> Any:
    """The module beside this file: pytest's importlib mode makes `tests` no package."""
    spec = spec_from_file_location("api_world", Path(__file__).with_name("world.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["api_world"] = module
    spec.loader.exec_module(module)
    return module
