"""The cluster as processes: two of each, Redis between the Prefect servers, real SIGKILL, no balancer in front."""

import contextlib
import importlib.util
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import httpx
import pytest
import uvicorn
from sqlalchemy import text

from deployments.demo.fake_slack import FakeSlack, create_app
from spine.ids import mint
from store.engine import Database

T = TypeVar("T")
TESTS = Path(__file__).parents[1]
_PATIENCE = 3


def loaded(path: Path) -> ModuleType:
    """The module in a file: tests are no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_stack = loaded(TESTS / "stack.py")


class Cluster(_stack.Stack):  # type: ignore[name-defined,misc]
    """A cluster in a folder of its own, with everything that a stack can be asked; a client's choice among two."""

    def __init__(self, folder: Path, **changes: str) -> None:
        super().__init__(folder, **changes)
        ports = _ports(2), _ports(2)
        self.environment |= {
            "OPSSPINE_GATEWAY__PORT": str(ports[0]),
            "OPSSPINE_PREFECT__PORT": str(ports[1]),
            "OPSSPINE_CLUSTER__REDIS_PORT": str(_ports(1)),
            "OPSSPINE_DETECT__INTERVAL_SECONDS": "10",  # runs of two runners share two cores
        }

    def up(self) -> "Cluster":
        """Start everything and wait until it is ready."""
        with open(self.folder / "supervisor.out", "ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deployments.cluster.supervisor"], env=self.environment, stdout=out, stderr=out
            )
        self.until((self.folder / "instance.json").exists, "the cluster is ready", seconds=150)
        self.database = Database(self.written["database_url"])
        return self

    @property
    def written(self) -> dict[str, Any]:
        """What the supervisor wrote down."""
        return dict(super().state)

    @property
    def state(self) -> dict[str, Any]:
        """The same, with a gateway and a Prefect server that answer: what a client's list of addresses does."""
        found = self.written
        answering = {name: self._answering(found[f"{name}s"]) for name in ("gateway_url", "prefect_url")}
        return {**found, **answering}

    def _answering(self, urls: list[str]) -> str:
        for url in urls:
            with contextlib.suppress(httpx.HTTPError):
                self.http.get(url, timeout=5)
                return url
        return urls[0]

    def prefect(self, path: str, **body: Any) -> Any:
        """POST to Prefect's API, or GET without a body."""
        url = f"{self.state['prefect_url']}/api{path}"
        who = httpx.BasicAuth("opsspine", (self.folder / "prefect.password").read_text())
        answer = self.http.post(url, json=body, auth=who) if body else self.http.get(url, auth=who)
        answer.raise_for_status()
        return answer.json()

    def until(self, done: Callable[[], T], what: str, *, seconds: float = 90, **how: Any) -> T:
        """As of one machine, with patience: a dozen processes share its cores."""
        found: T = super().until(done, what, seconds=_PATIENCE * seconds, **how)
        return found

    def pid(self, part: str) -> int:
        """Of a part as it is now; PostgreSQL's is its own."""
        if part == "postgres":
            return int((self.folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        return int(self.written["pids"][part])

    def kill_and_see(self, *parts: str) -> None:
        """SIGKILL parts at once, and wait until others have taken their place and all is well."""
        self.kill_and_replace(*parts)
        self.until(self.well, f"all is well after {', '.join(parts)}", seconds=120)

    def kill_and_replace(self, *parts: str) -> None:
        """SIGKILL parts at once, and wait until others have taken their place."""
        pids = {part: self.pid(part) for part in parts}
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        for part, pid in pids.items():
            self.until(lambda part=part, pid=pid: self.pid(part) != pid, f"{part} was started again")

    def well(self) -> bool:
        """Every gateway and every Prefect server answers, and every part has a process."""
        found = self.written
        urls = [f"{url}/readyz" for url in found["gateway_urls"]]
        urls += [f"{url}/api/health" for url in found["prefect_urls"]]
        answers = all(self.http.get(url).status_code == 200 for url in urls)
        return answers and all(Path(f"/proc/{pid}").exists() for pid in found["pids"].values())


def _ports(count: int) -> int:
    """The first of so many free ports in a row, below those that the system gives to whoever asks for any."""
    while True:
        first = random.randrange(15_000, 30_000)
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for n in range(count):
                held.enter_context(socket.socket()).bind(("127.0.0.1", first + n))
            return first


class Load:
    """An application that writes events for as long as it lives, to whichever gateway takes them, until it is told
    yes: each batch again with the same ids. What it was told yes to must be there, once."""

    def __init__(self, cluster: Cluster, tenant: Any) -> None:
        self.cluster, self.tenant = cluster, tenant
        self.accepted: set[str] = set()
        self.refusals = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _go_on(self) -> None:
        gateways = self.cluster.written["gateway_urls"]
        with httpx.Client(timeout=10, trust_env=False) as client:
            while not self._over.wait(0.25):
                rows = [_login() for _ in range(20)]
                for turn in range(400):
                    with contextlib.suppress(httpx.HTTPError):
                        url = f"{gateways[turn % len(gateways)]}/api/ops/events"
                        if client.post(url, json=rows, headers=self.tenant.headers).status_code == 202:
                            self.accepted |= {row["id"] for row in rows}
                            break
                    self.refusals += 1
                    time.sleep(0.25)

    def stored(self) -> list[str]:
        """The ids of all events of this tenant that the database holds."""
        with self.cluster.database.system() as connection:
            query = text("select id from auth_ops_logs where tenant_id = :t")
            return [str(row.id) for row in connection.execute(query, {"t": self.tenant.id})]


def _login() -> dict[str, Any]:
    number = int.from_bytes(os.urandom(1), "big") % 60
    return {
        "id": str(mint()), "type": "login_succeeded", "occurred_at": datetime.now(UTC).isoformat(),
        "user_id": f"user{number}", "ip": f"192.0.2.{number + 1}", "user_agent": "Mozilla/5.0",
    }  # fmt: skip


@pytest.fixture(scope="session")
def workspace() -> Iterator[FakeSlack]:
    """A Slack of our own, over real HTTP, for as long as the cluster lives."""
    slack = FakeSlack(signing_secret="s" * 32)
    config = uvicorn.Config(create_app(slack), host="127.0.0.1", port=0, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    slack.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield slack
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def cluster(workspace: FakeSlack) -> Iterator[Cluster]:
    """A running cluster in a temporary folder; stopped and removed at the end."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: apt-get install -y --no-install-recommends redis-server")
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 3 << 30 else None
    folder = Path(tempfile.mkdtemp(prefix="opsspine-cluster-", dir=memory))
    folder.chmod(0o755)
    running = Cluster(folder, **workspace.settings(), OPSSPINE_NOTIFY__MODE=json.dumps(["slack"]))
    try:
        yield running.up()
    finally:
        running.down()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def load() -> Callable[[Cluster, Any], Load]:
    """Makes an application that writes events as a tenant."""
    return Load


@pytest.fixture(scope="session")
def scene() -> Callable[[str], ModuleType]:
    """Scenes of one machine's tests, to be played here: `scene("test_s25_schedules").s25_…(robin)`."""
    return lambda name: loaded(TESTS / "scenarios" / f"{name}.py")
