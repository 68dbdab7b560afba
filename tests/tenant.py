"""A tenant of the running spine (tests/stack.py), with a key, a responder, and an attack to play."""

import contextlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast
from uuid import UUID

import pyotp
from sqlalchemy import text

from spine.approval import Approval
from spine.ids import TenantId, mint
from spine.incident import Incident, IncidentStatus
from spine.lease import Lease, LeaseState
from spine.person import PersonRef, Role
from store import approvals, audit, flags, incidents, keys, leases, people
from store.secrets import Vault

T = TypeVar("T")


class Tenant:
    """A tenant of its own per test, with a key, a responder with a second factor, and an attack to play."""

    def __init__(self, stack: Any) -> None:
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
        answer = self.stack.http.post(url, json=list(rows), headers=self.headers)
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

    @contextlib.contextmanager
    def life(self) -> Iterator[None]:
        """Normal life goes on: known users log in, six in two seconds, whether or not anybody listens."""
        over = threading.Event()

        def go_on() -> None:
            while not over.wait(2):
                with contextlib.suppress(Exception):
                    self.calm(minutes=0.03, n=6)

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

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

    def in_force(self) -> list[Lease]:
        """Leases that have not ended."""
        return [lease for lease in self.leases() if lease.state is not LeaseState.REVERTED]

    def over(self) -> bool:
        """Nothing is in force, and it is resolved; or escalated, when the machine was too slow to judge in time."""
        if self.status() is IncidentStatus.ESCALATED:
            (why,) = (line for line in self.timeline() if line.startswith("status: Escalated"))
            slow = "inconclusive" in why or "no mitigation is in force" in why
        else:
            slow = False
        return not self.in_force() and (slow or self.status() is IncidentStatus.RESOLVED)

    def ends(self, seconds: float = 150) -> None:
        """Wait until it is over; a failure tells the incident's story."""
        self.until(self.over, "the incident is over", seconds=seconds)

    def until(self, done: Callable[[], T], what: str, **limits: float) -> T:
        """The first true value of `done`; a failure tells the incident's story."""
        try:
            return cast(T, self.stack.until(done, what, **limits))
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *self._story()])) from None

    def _story(self) -> list[str]:
        """The incident's timeline, and the states that its run and those of its questions went through."""
        found = self.incident()
        if found is None:
            return ["it has no incident"]
        with self.stack.database.system() as connection:
            asked = approvals.of_incident(connection, found.id)
        told = [f"{found.status}, fence {found.fence}", *self.timeline()]
        told += [f"question {a.id}: {a.status.value}, run {a.flow_run_id}" for a in asked]
        for run in {found.flow_run_id, *(a.flow_run_id for a in asked)} - {None}:
            for state in self.stack.prefect(f"/flow_run_states/?flow_run_id={run}"):
                told.append(f"run {run}: {state['timestamp']} {state['name']} {state['message']}")
        return told

    def count(self, table: str) -> int:
        """Rows of its own in a table."""
        with self.stack.database.system() as connection:
            query = text(f"select count(*) from {table} where tenant_id = :t")
            return int(connection.execute(query, {"t": self.id}).scalar_one())

    def told(self, topic: str) -> list[str]:
        """What became of its messages on a topic."""
        with self.stack.database.system() as connection:
            query = text("select status from outbox where tenant_id = :t and topic = :topic order by created_at")
            return [str(row.status) for row in connection.execute(query, {"t": self.id, "topic": topic})]

    def timeline(self) -> list[str]:
        """The story of its latest incident."""
        found = self.incident()
        assert found is not None
        with self.stack.database.system() as connection:
            return [f"{e['kind']}: {e['summary']}" for e in incidents.timeline(connection, found.id)]

    def audited(self, action: str) -> list[dict[str, Any]]:
        """Its audit entries of one action, in order."""
        with self.stack.database.system() as connection:
            written = [json.loads(link.canonical)["data"] for link in audit.links(connection, self.id)]
        return [entry for entry in written if entry["action"] == action]

    def flags(self) -> dict[str, tuple[int, str]]:
        """Version and digest of every flag."""
        with self.stack.database.system() as connection:
            return {key: (flag.version, flag.digest) for key, flag in flags.all_flags(connection, self.id).items()}

    def settled(self, *keys: str) -> None:
        """Fails unless `keys` were applied, all effects are recorded once and taken back once, and audit verifies."""
        with self.stack.database.system() as connection:
            assert audit.verify(connection, self.id) is None
            held = connection.execute(
                text("select count(*) from flag_holds where tenant_id = :t and released_at is null"), {"t": self.id}
            ).scalar()
        ended = self.leases()
        assert sorted(lease.action_key for lease in ended if lease.applied_at) == sorted(keys)
        assert {lease.state for lease in ended} <= {LeaseState.REVERTED}
        assert held == 0
        for action, done in (("action.executed", "applied"), ("rollback.executed", "taken back")):
            entries = [entry["subject"] for entry in self.audited(action) if entry["outcome"] == "ok"]
            for lease in ended:
                assert entries.count(f"lease:{lease.id}") == (1 if lease.applied_at else 0), f"{done} not once: {lease}"

    def throttled(self, ip: str = "203.0.113.1") -> bool:
        """What the application reads for an address, over OFREP."""
        url = f"{self.stack.state['gateway_url']}/ofrep/v1/evaluate/flags/auth.ipThrottle.enabled"
        answer = self.stack.http.post(url, headers=self.headers, json={"context": {"targetingKey": ip, "ip": ip}})
        return answer.status_code == 200 and answer.json()["value"] is True

    def asked(self) -> Approval:
        """Attack until somebody is asked, and the run waits."""
        self.calm()
        self.attack()
        return self.until(self.waited_for, "an approval is asked for, and the run waits", seconds=150)

    def waited_for(self) -> Approval | None:
        """The question, once the run waits; another run may have taken it over since it was first seen."""
        question = self.approval()
        return question if question and self.suspended(question.flow_run_id) else None


def _event(kind: str, ip: str, user: str, at: datetime) -> dict[str, Any]:
    return {
        "id": str(mint()), "type": kind, "occurred_at": at.isoformat(), "user_id": user, "ip": ip,
        "user_agent": "Mozilla/5.0",
    }  # fmt: skip
