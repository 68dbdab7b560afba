"""The whole spine as processes, for tests that span them: real server, real PostgreSQL, real runs, real SIGKILL."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
from sqlalchemy import text

from deployments.port import free_port
from spine.settings import Settings
from store.engine import Database

T = TypeVar("T")
SETTINGS = {
    "OPSSPINE_DETECT__INTERVAL_SECONDS": "5",
    "OPSSPINE_POLICY__MIN_TTL_SECONDS": "5",
    "OPSSPINE_POLICY__TTL_SECONDS": json.dumps({"ip.throttle": 25, "rate_limit.strict": 25}),
    "OPSSPINE_VERIFY__SETTLE_MINUTES": "0.15",
    "OPSSPINE_VERIFY__HOLD_MINUTES": "0.1",
    "OPSSPINE_VERIFY__MIN_LEGITIMATE": "3",
    "OPSSPINE_DECISION__PLAN_MINUTES": "5",
    "OPSSPINE_NOTIFY__MODE": '["log"]',
    "OPSSPINE_SLACK__BOT_TOKEN": "xoxb-nobody",  # clicks come in, signed; nothing is posted
    "OPSSPINE_SLACK__SIGNING_SECRET": "s" * 32,
    "OPSSPINE_SLACK__BASE_URL": "http://127.0.0.1:9",
}


class Stack:
    """One spine in a folder of its own. `up` and `down` may be called again and again: the data stays."""

    def __init__(self, folder: Path, **changes: str) -> None:
        self.folder = folder
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("OPSSPINE_", "PREFECT_", "DATABASE_URL"))},
            **SETTINGS,
            **changes,
            "OPSSPINE_DATA_DIR": str(folder),
            "OPSSPINE_GATEWAY__PORT": str(free_port()),
            "OPSSPINE_PREFECT__PORT": str(free_port()),
        }
        self.process: subprocess.Popen[bytes] | None = None
        # one client, for making one costs more than a call; no kept connections, for servers are killed here
        self.http = httpx.Client(timeout=30, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    def up(self) -> "Stack":
        """Start everything and wait until it is ready."""
        with open(self.folder / "supervisor.out", "ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deployments.supervisor"], env=self.environment, stdout=out, stderr=out
            )
        self.until((self.folder / "instance.json").exists, "the spine is ready", seconds=300)
        self.database = Database(self.state["database_url"])
        return self

    def down(self) -> None:
        """Stop everything, as `opsspine down` does; also what never became ready."""
        if hasattr(self, "database"):
            self.database.close()
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(90)

    @property
    def state(self) -> dict[str, Any]:
        """What the supervisor wrote down."""
        return dict(json.loads((self.folder / "instance.json").read_text()))

    @property
    def settings(self) -> Settings:
        """The settings the processes run under."""
        old = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.environment)
        try:
            return Settings()
        finally:
            os.environ.clear()
            os.environ.update(old)

    @staticmethod
    def now() -> datetime:
        """The current time, aware, UTC."""
        return datetime.now(UTC)

    def kill(self, part: str) -> None:
        """SIGKILL a part, as if the machine's memory had run out."""
        os.kill(self.state["pids"][part], signal.SIGKILL)

    def until(
        self, done: Callable[[], T], what: str, *, seconds: float = 90, pause: float = 0.2, alone: bool = False
    ) -> T:
        """The first true value of `done`; fails when that takes too long, or, unless `alone`, the spine ends."""
        end, came = time.monotonic() + seconds, "nothing"
        while time.monotonic() < end:
            try:
                if found := done():
                    return found
                came = repr(found)
            except Exception as error:  # what is not there yet fails in many ways
                came = repr(error)
            if not alone and self.process and self.process.poll() is not None:
                raise AssertionError(f"the supervisor ended: {(self.folder / 'supervisor.out').read_text()[-2000:]}")
            time.sleep(pause)
        raise AssertionError(f"after {seconds} s still not: {what}; last came {came}")

    def pid_of(self, run: UUID) -> int | None:
        """The process of a run: the one that holds the connection by which the run shows that it lives."""
        with self.database.owner() as connection:
            query = text("select client_port from pg_stat_activity where application_name = :name")
            port = connection.execute(query, {"name": f"alive {run}"}).scalar()
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        sockets = {f"socket:[{row[9]}]" for row in rows if port and row[1].endswith(f":{port:04X}")}
        for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
            with contextlib.suppress(OSError):
                if os.readlink(descriptor) in sockets:
                    return int(descriptor.parts[2])
        return None

    def run(self, run: UUID | None) -> dict[str, Any]:
        """A run, as the orchestrator sees it."""
        return dict(self.prefect(f"/flow_runs/{run}"))

    def cancel(self, run: UUID | None) -> None:
        """What the button Cancel of Prefect UI does; fails when the run had ended before."""
        answer = self.prefect(f"/flow_runs/{run}/set_state", state={"type": "CANCELLING", "name": "Cancelling"})
        assert (answer["state"] or {}).get("type") in ("CANCELLING", "CANCELLED"), answer

    def runs(self, **which: Any) -> list[dict[str, Any]]:
        """Runs by a filter of Prefect's, latest first."""
        return list(self.prefect("/flow_runs/filter", sort="EXPECTED_START_TIME_DESC", limit=200, **which))

    def prefect(self, path: str, **body: Any) -> Any:
        """POST to Prefect's API, or GET without a body."""
        url = f"{self.state['prefect_url']}/api{path}"
        answer = self.http.post(url, json=body) if body else self.http.get(url)
        answer.raise_for_status()
        return answer.json()


def make(memory: str | None) -> Iterator[Stack]:
    """A running stack in a temporary folder; stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="opsspine-stack-", dir=memory))
    folder.chmod(0o755)
    stack = Stack(folder)
    try:
        yield stack.up()
    finally:
        stack.down()
        shutil.rmtree(folder, ignore_errors=True)
