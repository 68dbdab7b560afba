"""Real servers for probes: DNS, HTTPS with a certificate of a test CA, and raw TLS, all on loopback."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvicorn
from dnslib import QTYPE, RCODE, RR
from dnslib.server import DNSLogger, DNSServer

from spine.clock import SystemClock
from spine.diagnostic import Question
from spine.ids import TenantId
from spine.settings import Settings
from spine.settings.probe import ProbeSettings
from store.engine import Database
from tasks.diagnostics import Ports, ask
from tasks.diagnostics.probe.guard import Guard

NOBODY = Database("postgresql://nobody@127.0.0.1:1/none")
"""A database that network diagnostics never reach for."""


class Zone:
    """Answers from `records`, zone lines by (name, type); follows CNAMEs. Counts what it was asked."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.broken: set[str] = set()
        self.on_query: Callable[[str, str], None] = lambda _name, _kind: None

    def add(self, name: str, kind: str, *values: str) -> None:
        """Records of one name and type."""
        self.records[name, kind] = list(values)

    def resolve(self, request: Any, _handler: Any) -> Any:
        """What dnslib calls for every query."""
        reply = request.reply()
        name, kind = str(request.q.qname).rstrip(".").lower(), QTYPE[request.q.qtype]
        self.asked.append((name, kind))
        self.on_query(name, kind)
        if name in self.broken:
            reply.header.rcode = RCODE.SERVFAIL
            return reply
        known = {owner for owner, _ in self.records}
        if name not in known:
            reply.header.rcode = RCODE.NXDOMAIN
        for _ in range(8):
            alias = self.records.get((name, "CNAME"))
            if not alias:
                break
            reply.add_answer(*RR.fromZone(f"{name}. 0 CNAME {alias[0]}."))
            name = alias[0]
        for value in self.records.get((name, kind), ()):
            reply.add_answer(*RR.fromZone(f"{name}. 0 {kind} {value}"))
        return reply


@pytest.fixture
def zone() -> Iterator[Zone]:
    """A DNS server; its port is `zone.port`."""
    made = Zone()
    server = DNSServer(made, address="127.0.0.1", port=0, logger=DNSLogger(log="", prefix=False))
    made.port = server.server.server_address[1]  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    server.stop()
    thread.join()


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """The authority that probes of a test trust."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its certificate as a file."""
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
def probe(zone: Zone, ca_file: Path) -> Callable[..., ProbeSettings]:
    """Settings of probes that may reach loopback; fields as given."""

    def make(**fields: Any) -> ProbeSettings:
        own = {"networks": ["127.0.0.0/8"], "resolver": f"127.0.0.1:{zone.port}", "ca_file": ca_file}  # type: ignore[attr-defined]
        return ProbeSettings(**{**own, **fields})

    return make


@pytest.fixture
def guard(probe: Callable[..., ProbeSettings]) -> Callable[..., Guard]:
    """A guard with such settings."""
    return lambda **fields: Guard(probe(**fields), SystemClock())


@pytest.fixture
def ports(probe: Callable[..., ProbeSettings]) -> Callable[..., Ports]:
    """Ports with such settings, and no database to speak of."""

    def make(clock: Any = None, database: Database = NOBODY, **fields: Any) -> Ports:
        return Ports.of(Settings(probe=probe(**fields)), clock or SystemClock(), database)

    return make


def certificate(ca: trustme.CA, *names: str, days: float | None = None) -> ssl.SSLContext:
    """A server's TLS for `names`; `days` until it ends, negative for an ended one."""
    ends = None if days is None else datetime.now(UTC) + timedelta(days=days)
    starts = None if ends is None else ends - timedelta(days=90)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names, not_before=starts, not_after=ends).configure_cert(context)
    return context


@pytest.fixture
def tls(ca: trustme.CA) -> Callable[..., ssl.SSLContext]:
    """Makes certificates: `tls("idp.test", days=3)`."""
    return lambda *names, days=None: certificate(ca, *names, days=days)


@pytest.fixture
def https(zone: Zone, ca: trustme.CA) -> Iterator[Callable[..., int]]:
    """Serves an ASGI application over HTTPS as `name`, which it enters into DNS; returns the port."""
    with contextlib.ExitStack() as stack:

        def start(app: Any, name: str = "idp.test") -> int:
            zone.add(name, "A", "127.0.0.1")
            config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1)
            config.load()
            config.ssl = certificate(ca, name)
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            while not server.started:
                assert thread.is_alive(), "the application did not start"
                time.sleep(0.005)
            stack.callback(thread.join, 10)
            stack.callback(setattr, server, "should_exit", True)
            return int(server.servers[0].sockets[0].getsockname()[1])

        yield start


@pytest.fixture
def raw(zone: Zone, tls: Callable[..., ssl.SSLContext]) -> Iterator[Callable[..., int]]:
    """A TLS server that hands each connection to a function; returns the port."""
    with contextlib.ExitStack() as stack:

        def start(talk: Callable[[Any], None], name: str = "raw.test", context: ssl.SSLContext | None = None) -> int:
            zone.add(name, "A", "127.0.0.1")
            listening = socket.create_server(("127.0.0.1", 0))
            stack.callback(listening.close)
            thread = threading.Thread(target=_accept, args=(listening, context or tls(name), talk), daemon=True)
            thread.start()
            return int(listening.getsockname()[1])

        yield start


def _accept(listening: socket.socket, context: ssl.SSLContext, talk: Callable[[Any], None]) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as encrypted:
                talk(encrypted)


def _beside(name: str) -> Any:
    """The module `name` beside this file: pytest's importlib mode makes `tests` no package."""
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def idp(https: Callable[..., int]) -> Any:
    """An identity provider with rotating keys (tests/diagnostics/provider.py), listening."""
    made = _beside("provider").Provider()
    made.at(https(made.app))
    return made


@pytest.fixture
def question() -> Callable[..., Question]:
    """Asks about the last hour of tenant "acme"; fields as given."""
    now = datetime.now(UTC)
    return lambda **fields: Question(
        **{"tenant_id": TenantId("acme"), "now": now, "since": now - timedelta(hours=1), **fields}
    )


@pytest.fixture
def states(ports: Callable[..., Ports], question: Callable[..., Question]) -> Callable[..., dict[str, str]]:
    """Asks one diagnostic: the state of each check by name. Fields of the question by `about`."""

    def look(key: str, about: dict[str, Any] | None = None, **fields: Any) -> dict[str, str]:
        answer = asyncio.run(ask(key, question(**(about or {})), ports(**fields)))
        assert all(check.because for check in answer.checks)
        return {check.name: check.state.value for check in answer.checks}

    return look
