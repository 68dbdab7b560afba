"""Streams of flag changes over two gateways: what one of them stores the other one tells, and a death loses nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from deployments.port import free_port
from spine.flag import boolean_flag
from spine.ids import TenantId
from store import keys
from store.engine import Database

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
KEY = "checkout.banner"
TENANT = TenantId("shop")
_SOON = 15.0
"""Seconds, on two cores that others share; alone on a machine it takes some milliseconds."""


class Gateways:
    """Two gateways as processes, as on two machines: all they share is the database."""

    def __init__(self, folder: Path, database_url: str) -> None:
        ports = [free_port(), free_port()]
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("OPSSPINE_", "PREFECT_", "DATABASE_URL"))}
        key = Fernet.generate_key().decode()
        self._environments = [
            {
                **plain, "DATABASE_URL": database_url, "OPSSPINE_SECRET_KEY": key,
                "OPSSPINE_DATA_DIR": str(folder / str(port)), "OPSSPINE_GATEWAY__PORT": str(port),
            }
            for port in ports
        ]  # fmt: skip
        self._log = folder / "gateways.log"
        self._running = [self._start(number) for number in range(len(ports))]

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        with open(self._log, "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "deployments.gateway"], env=self._environments[number], stdout=log, stderr=log
            )

    def ready(self, seconds: float = 240) -> None:
        """Return once both answer."""
        end = time.monotonic() + seconds
        while not all(_answers(url) for url in self.urls):
            assert time.monotonic() < end, self._log.read_text()[-3000:]
            time.sleep(0.2)

    def kill(self, number: int) -> None:
        """As if the machine had lost its power."""
        self._running[number].kill()
        self._running[number].wait()

    def start_again(self, number: int) -> None:
        """What a supervisor does; returns once it answers."""
        self._running[number] = self._start(number)
        self.ready()

    def close(self) -> None:
        """End both."""
        for process in self._running:
            process.kill()
            process.wait()


class Application:
    """What an OpenFeature client does: it listens to one gateway, polls when nobody tells it anything, and writes."""

    def __init__(self, urls: list[str], database: Database, listening: type[Any]) -> None:
        self.urls, self._listening, self._opened = urls, listening, list[Any]()
        with database.system() as connection:
            scopes = ["flags:read", "flags:write"]
            _, secret = keys.add_key(connection, TENANT, "shop", scopes, now=datetime.now(UTC))
        self._http = httpx.Client(headers={"X-API-Key": secret}, timeout=30, trust_env=False)

    def close(self) -> None:
        """Close every stream."""
        for one in self._opened:
            one.close()
        self._http.close()

    def store(self, gateway: int, version: int, *, on: bool) -> None:
        """Make the flag another one, through that gateway."""
        body = {"definition": boolean_flag(on=on).stored(), "reason": "the sale"}
        url = f"{self.urls[gateway]}/api/ops/flags/{KEY}"
        answer = self._http.put(url, json=body, headers={"If-Match": f'"{version}"'})
        assert answer.status_code == 200, answer.text

    def poll(self, gateway: int, seen: str = "") -> httpx.Response:
        """All flags, unless they are those that were seen."""
        url = f"{self.urls[gateway]}/ofrep/v1/evaluate/flags"
        return self._http.post(url, json={"context": {"targetingKey": "ann"}}, headers={"If-None-Match": seen})

    def listen(self, gateway: int, **headers: str) -> Any:
        """A stream at that gateway, at the address that its bulk answer names."""
        (stream,) = self.poll(gateway).json()["eventStreams"]
        self._opened.append(self._listening(f"{self.urls[gateway]}{stream['endpoint']['requestUri']}", headers))
        return self._opened[-1]

    def value(self, answer: httpx.Response) -> bool:
        """What the flag is in a bulk answer."""
        (found,) = [one["value"] for one in answer.json()["flags"] if one["key"] == KEY]
        return bool(found)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def gateways(tmp_path: Path, database_url: str) -> Iterator[Gateways]:
    """Two gateways over a fresh database."""
    made = Gateways(tmp_path, database_url)
    try:
        made.ready()
        yield made
    finally:
        made.close()


def _listening() -> type[Any]:
    """The reader of streams of the flags' own tests: tests are no package."""
    spec = spec_from_file_location("flags_conftest", Path(__file__).parents[1] / "flags" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: type[Any] = module.Listening
    return found


@pytest.fixture
def application(gateways: Gateways, database: Database) -> Iterator[Application]:
    """An application that knows both."""
    made = Application(gateways.urls, database, _listening())
    yield made
    made.close()


def test_what_one_gateway_stores_the_other_one_tells(application: Application) -> None:
    application.store(0, 0, on=False)
    streams = [application.listen(gateway) for gateway in (0, 1)]
    seen = {stream.next(_SOON)["etag"] for stream in streams}
    polled = [application.poll(gateway).headers["etag"] for gateway in (0, 1)]
    assert len(seen) == len(set(polled)) == 1, "both tell of the same flags"
    for version, writer in enumerate((0, 1, 0), start=1):
        began = time.monotonic()
        application.store(writer, version, on=version % 2 == 1)
        told = {stream.next(_SOON)["etag"] for stream in streams}
        assert time.monotonic() - began < _SOON
        assert len(told) == 1
        assert told != seen
        answers = [application.poll(gateway, polled[gateway]) for gateway in (0, 1)]
        assert [application.value(answer) for answer in answers] == 2 * [version % 2 == 1]
        seen, polled = told, [answer.headers["etag"] for answer in answers]


def test_who_loses_its_gateway_polls_the_other_one_and_misses_nothing(
    application: Application, gateways: Gateways
) -> None:
    """The stream breaks, polling tells of what changed meanwhile, and a new stream says nothing twice."""
    application.store(0, 0, on=False)
    stream = application.listen(1)
    before, polled = stream.next(_SOON)["etag"], application.poll(1).headers["etag"]
    gateways.kill(1)
    assert stream.ended.wait(_SOON), "whoever listened is not left to believe that nothing changes"
    application.store(0, 1, on=True)
    answer = application.poll(0, polled)
    assert (answer.status_code, application.value(answer)) == (200, True)
    assert application.poll(0, answer.headers["etag"]).status_code == 304

    gateways.start_again(1)
    missed = application.listen(1, **{"Last-Event-ID": before})
    after = missed.next(_SOON)["etag"]
    assert after != before
    known = application.listen(1, **{"Last-Event-ID": after})
    assert known.quiet(2), "what is known is not told again"
    application.store(0, 2, on=False)
    assert known.next(_SOON)["etag"] == missed.next(_SOON)["etag"] != after
