"""A real shop on a real port, and a small server that speaks OFREP and takes events, as any vendor's would."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from deployments.demo.app.setting import ShopSettings
from deployments.demo.app.web import create_app
from deployments.demo.traffic.population import Population, populate, write_accounts
from deployments.port import free_port

KEY = "vendor-key"


@dataclass
class Vendor:
    """What the other side of the shop's two connections knows and saw."""

    port: int
    flags: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Flag key to {"ips": addresses it is on for, None = all, "metadata": {...}}."""
    events: list[dict[str, Any]] = field(default_factory=list)
    down: bool = False
    evaluations: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/events")
        async def events(request: Request) -> Response:
            if self.down:
                return Response(status_code=503)
            if request.headers["authorization"] != f"Bearer {KEY}":
                return Response(status_code=401)
            self.events += [json.loads(line) for line in (await request.body()).decode().splitlines()]
            return JSONResponse({"accepted": 1}, 202)

        @app.post("/ofrep/v1/evaluate/flags/{key}")
        async def evaluate(key: str, request: Request) -> Response:
            self.evaluations += 1
            if self.down:
                return Response(status_code=503)
            flag = self.flags.get(key)
            if flag is None:
                return JSONResponse({"key": key, "errorCode": "FLAG_NOT_FOUND", "errorDetails": "no"}, 404)
            ip = (await request.json())["context"]["ip"]
            on = flag.get("ips") is None or ip in flag["ips"]
            answer = {"key": key, "value": on, "variant": "on" if on else "off", "reason": "TARGETING_MATCH"}
            return JSONResponse({**answer, "metadata": flag.get("metadata", {})})

        return app


@contextmanager
def _serving(app: FastAPI, port: int) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", proxy_headers=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    assert server.started
    yield
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def serving() -> Callable[..., Any]:
    """A context manager that serves an application at a port."""
    return _serving


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """The OFREP and events server."""
    vendor = Vendor(free_port())
    with _serving(vendor.app(), vendor.port):
        yield vendor


@pytest.fixture(scope="session")
def population() -> Population:
    """A small city."""
    return populate(7, customers=12, office=4, attack_addresses=4, leaked=300)


ShopStarter = Callable[..., Any]


@pytest.fixture
def start_shop(vendor: Vendor, population: Population, tmp_path: Path) -> ShopStarter:
    """A context manager that serves the shop and gives an HTTP client of it."""

    @contextmanager
    def start(**values: Any) -> Iterator[httpx.Client]:
        users = tmp_path / "users.ndjson"
        write_accounts(population.members, users)
        settings = ShopSettings(
            **{
                "port": free_port(),
                "data_file": tmp_path / "shop.sqlite",
                "users_file": users,
                "events_url": f"{vendor.url}/events",
                "events_key": KEY,
                "flags_url": vendor.url,
                "flags_key": KEY,
                "flag_cache_seconds": 0.1,
                "batch_seconds": 0.05,
                **values,
            }
        )
        with (
            _serving(create_app(settings), settings.port),
            httpx.Client(base_url=f"http://127.0.0.1:{settings.port}") as client,
        ):
            yield client

    return start


@pytest.fixture
def shop(start_shop: ShopStarter) -> Iterator[httpx.Client]:
    """A client of a shop that reads its flags."""
    with start_shop() as client:
        yield client


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until something holds; fail after five seconds."""

    def wait(holds: Callable[[], bool]) -> None:
        until = time.monotonic() + 5
        while not holds():
            assert time.monotonic() < until, "did not happen within five seconds"
            time.sleep(0.02)

    return wait
