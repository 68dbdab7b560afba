"""The whole spine as processes, for tests that span them: real server, real PostgreSQL, real runs, real SIGKILL."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pyotp

from deployments.port import free_port
from spine.approval import Approval
from spine.ids import TenantId, mint
from spine.incident import Incident, IncidentStatus
from spine.lease import Lease
from spine.person import PersonRef, Role
from spine.settings import Settings
from store import approvals, incidents, keys, leases, people
from store.engine import Database
from store.secrets import Vault

T = TypeVar("T")
SETTINGS = {
    "OPSSPINE_DETECT__INTERVAL_SECONDS": "5",
    "OPSSPINE_POLICY__MIN_TTL_SECONDS": "5",
    "OPSSPINE_POLICY__TTL_SECONDS": json.dumps({"ip.throttle": 25, "rate_limit.strict": 25}),
    "OPSSPINE_VERIFY__SETTLE_MINUTES": "0.15",
    "OPSSPINE_VERIFY__HOLD_MINUTES": "0.1",
    "OPSSPINE_VERIFY__MIN_LEGITIMATE": "3",
    "OPSSPINE_DECISION__PLAN_MINUTES": "1",
    "OPSSPINE_NOTIFY__MODE": '["log"]',
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

    def up(self) -> "Stack":
        """Start everything and wait until it is ready."""
        with open(self.folder / "supervisor.out", "ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deployments.supervisor"], env=self.environment, stdout=out, stderr=out
            )
        self.until((self.folder / "instance.json").exists, "the spine is ready", seconds=120)
        self.database = Database(self.state["database_url"])
        return self

    def down(self) -> None:
        """Stop everything, as `opsspine down` does."""
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

    def kill(self, part: str) -> None:
        """SIGKILL a part, as if the machine's memory had run out."""
        os.kill(self.state["pids"][part], signal.SIGKILL)

    def until(self, done: Callable[[], T], what: str, *, seconds: float = 60) -> T:
        """The first true value of `done`; fails when that takes too long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(Exception):
                if found := done():
                    return found
            if self.process and self.process.poll() is not None:
                raise AssertionError(f"the supervisor ended: {(self.folder / 'supervisor.out').read_text()[-2000:]}")
            time.sleep(0.1)
        raise AssertionError(f"after {seconds} s still not: {what}")

    def prefect(self, path: str, **body: Any) -> Any:
        """POST to Prefect's API, or GET without a body."""
        url = f"{self.state['prefect_url']}/api{path}"
        answer = httpx.post(url, json=body, timeout=10) if body else httpx.get(url, timeout=10)
        answer.raise_for_status()
        return answer.json()


class Tenant:
    """A tenant of its own per test, with a key, a responder with a second factor, and an attack to play."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.id = TenantId(f"t{secrets.token_hex(4)}")
        self.email = f"{self.id}@example.org"
        now = datetime.now(UTC)
        with stack.database.system() as connection:
            _, secret = people.add(
                connection, self.email, "Robin", [(self.id, Role.SECURITY_ADMIN)],
                vault=Vault.of(stack.settings, create=True), actor="test", now=now,
            )  # fmt: skip
            _, self.key = keys.add_key(connection, self.id, "test", ["events:write", "flags:read", "ops:read"], now=now)
        assert secret is not None
        self.totp = pyotp.TOTP(secret)
        self.person = PersonRef.by_email(self.email)

    def post(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Write events as an application would."""
        url = f"{self.stack.state['gateway_url']}/api/ops/events"
        answer = httpx.post(url, json=list(rows), headers=self.headers, timeout=30)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    @property
    def headers(self) -> dict[str, str]:
        """Of its API key."""
        return {"Authorization": f"Bearer {self.key}"}

    def calm(self, minutes: float = 40, n: int = 300, *, until: datetime | None = None) -> None:
        """Normal logins of known users from known addresses."""
        end = until or datetime.now(UTC)
        step = timedelta(minutes=minutes) / n
        self.post(
            [_event("login_succeeded", f"192.0.2.{i % 60 + 1}", f"user{i % 60}", end - step * i) for i in range(n)]
        )

    def attack(self, n: int = 200, *, kind: str = "login_failed", last: str = "203.0.113") -> None:
        """Failed logins on many users from twenty addresses, over the last minute."""
        now = datetime.now(UTC)
        self.post(
            [
                _event(kind, f"{last}.{i % 20 + 1}", f"victim{i % 120}", now - timedelta(seconds=60 * i / n))
                for i in range(n)
            ]
        )

    def incident(self) -> Incident | None:
        """Its latest incident."""
        with self.stack.database.system() as connection:
            found = [i for i in incidents.list_recent(connection) if i.tenant_id == self.id]
        return found[0] if found else None

    def status(self) -> IncidentStatus | None:
        """Of its latest incident."""
        found = self.incident()
        return found.status if found else None

    def approval(self) -> Approval | None:
        """The question that waits."""
        with self.stack.database.system() as connection:
            return next(iter(approvals.pending(connection, self.id)), None)

    def suspended(self, run: UUID | None) -> bool:
        """True when the run waits without a process."""
        return run is not None and self.stack.prefect(f"/flow_runs/{run}")["state"]["type"] == "PAUSED"

    def leases(self) -> list[Lease]:
        """Of its latest incident, the snapshot left out."""
        found = self.incident()
        if found is None:
            return []
        with self.stack.database.system() as connection:
            return [one for one in leases.of_incident(connection, found.id) if one.ttl_seconds]

    def timeline(self) -> list[str]:
        """The story of its latest incident."""
        found = self.incident()
        assert found is not None
        with self.stack.database.system() as connection:
            return [f"{e['kind']}: {e['summary']}" for e in incidents.timeline(connection, found.id)]

    def throttled(self, ip: str = "203.0.113.1") -> bool:
        """What the application reads for an address, over OFREP."""
        url = f"{self.stack.state['gateway_url']}/ofrep/v1/evaluate/flags/auth.ipThrottle.enabled"
        answer = httpx.post(url, headers=self.headers, json={"context": {"targetingKey": ip, "ip": ip}}, timeout=10)
        return answer.status_code == 200 and answer.json()["value"] is True

    def asked(self) -> Approval:
        """Attack until somebody is asked, and the run waits."""
        self.calm()
        self.attack()
        question = self.stack.until(self.approval, "an approval is asked for", seconds=90)
        self.stack.until(lambda: self.suspended(self.approval().flow_run_id), "the run waits")  # type: ignore[union-attr]
        return question


def _event(kind: str, ip: str, user: str, at: datetime) -> dict[str, Any]:
    return {
        "id": str(mint()), "type": kind, "occurred_at": at.isoformat(), "user_id": user, "ip": ip,
        "user_agent": "Mozilla/5.0",
    }  # fmt: skip


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
