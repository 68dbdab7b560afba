"""An incident played to its end: an attack, a plan, a person's yes, a verification, a rollback, a closing."""

from dataclasses import dataclass
from datetime import timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text

from runbooks import catalogue
from spine.incident import IncidentKind, IncidentStatus
from spine.plan import Gate
from spine.redact import redact_text
from spine.verdict import Outcome
from store import approvals, attend, decisions, incidents, leases
from store.engine import Database
from store.fold import fold
from store.partition import ensure_days
from tasks.leasing import apply_lease, intend_lease, ports_of, tend_leases
from tasks.planning import plan_incident
from tasks.progress import move, resolve
from tasks.verifying import begin_verification, conclude


@dataclass(frozen=True)
class Secrets:
    """What somebody typed that must be in no report."""

    token: str = "xoxb-" + "123456789012-abcdefghijklmnopqrstuvwx"
    victim: str = "dora@victims.example.net"
    home: str = "198.51.100.77"


def _night() -> ModuleType:
    """The night that the console's tests play, too."""
    spec = spec_from_file_location("the_night", Path(__file__).parents[1] / "console" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NIGHT = _night()


class Case(NIGHT.Night):  # type: ignore[misc, name-defined]
    """The night, and everything that is done about it. Each call takes it one step further."""

    secrets_of_the_night = Secrets()

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        with self.database.owner() as connection:
            ensure_days(connection, [NIGHT.NOW.date() + timedelta(days=1)])
        self.book = catalogue()[IncidentKind.FAILED_LOGINS_SPIKE]
        self.fence = 0

    @property
    def at(self) -> dict[str, Any]:
        """What every call wants."""
        return {"fence": self.fence, "now": self.clock.now()}

    def respond(self) -> Any:
        """Acknowledged, planned, approved where it must be, applied."""
        with self.database.system() as connection:
            self.fence = incidents.take(connection, self.incident.id, None, at=self.clock.now())
        plan = plan_incident(self.database, self.settings, self.book, self.incident.id, **self.at)
        self.clock.advance(timedelta(minutes=2))
        with self.database.system() as connection:
            attend.acknowledge(
                connection, self.tenant, self.incident.id, actor="person:ann@example.org", now=self.clock.now()
            )
        self.apply(plan, [step for step in plan.steps if step.gate is Gate.ALLOW])
        if gated := [step for step in plan.steps if Gate.ALLOW < step.gate < Gate.DENY]:
            self.ask(plan, gated)
            self.apply(plan, gated)
        return plan

    def ask(self, plan: Any, gated: list[Any]) -> None:
        """Ann, and where it takes two Cho, say yes."""
        with self.database.system() as connection:
            incident = incidents.get(connection, self.incident.id)
            gate = max(step.gate for step in gated)
            asked = approvals.request(
                connection, plan, gate=gate, steps=[step.order for step in gated], now=self.clock.now(),
                settings=self.settings,
            )  # fmt: skip
            move(
                connection, incident, IncidentStatus.AWAITING_APPROVAL, at=self.clock.now(), summary="Waits for people"
            )
        self.vote(asked, self.vic)
        self.clock.advance(timedelta(seconds=40))
        outcome = self.vote(asked, self.ann)
        if outcome.status.value == "pending":
            outcome = self.vote(asked, self.cho)
        assert outcome.status.value == "approved", outcome

    def apply(self, plan: Any, steps: list[Any]) -> None:
        """The steps come into force."""
        ports = ports_of(self.settings, clock=self.clock)
        for step in steps:
            lease = intend_lease(
                self.database, tenant=self.tenant, incident_id=plan.incident_id, decision_id=plan.decision_id,
                step=step, fence=self.fence, ports=ports,
            )  # fmt: skip
            apply_lease(self.database, lease.id, fence=self.fence, ports=ports)

    def note(self, said: str, *, title: str | None = None) -> None:
        """Ann writes something down."""
        del title
        with self.database.system() as connection:
            attend.note(
                connection, self.tenant, self.incident.id, said, actor="person:ann@example.org", now=self.clock.now()
            )

    def calm(self, minutes: int) -> None:
        """People go on logging in; nobody attacks."""
        begin = self.clock.now()
        rows = [
            {"id": f"calm{begin:%H%M%S}{k}", "t": "login_failed" if k % 90 == 0 else "login_succeeded",
             "ip": f"198.51.100.{k % 40 + 1}", "u": f"u{k % 160}", "at": begin + timedelta(seconds=4 * k)}
            for k in range(minutes * 15)
        ]  # fmt: skip
        with self.database.system() as connection:
            connection.execute(
                text(
                    "insert into auth_ops_logs(id, type, occurred_at, tenant_id, user_id, ip)"
                    " values(:id, :t, :at, 'acme', :u, cast(:ip as inet))"
                ),
                rows,
            )
            fold(connection)
        self.clock.advance(timedelta(minutes=minutes))

    def verify(self) -> Any:
        """Looked at after the effect, until it can be said."""
        with self.database.system() as connection:
            plan = decisions.current(connection, self.incident.id)
        assert plan is not None
        due = begin_verification(self.database, plan, self.incident.id, **self.at)
        self.calm(int((due - self.clock.now()) / timedelta(minutes=1)) + 2)
        verdict = conclude(
            self.database, self.settings, plan, self.incident.id, fence=self.fence,
            now=self.clock.now() - timedelta(minutes=1),
        )  # fmt: skip
        assert verdict.outcome is Outcome.FIXED, verdict
        return verdict

    def end(self) -> None:
        """Every lease ends, and the incident is closed."""
        with self.database.system() as connection:
            ends = [one.expires_at for one in leases.of_incident(connection, self.incident.id) if one.expires_at]
        self.clock.advance(max(ends) - self.clock.now() + timedelta(seconds=2))
        tend_leases(self.database, ports_of(self.settings, clock=self.clock))
        with self.database.system() as connection:
            incident = incidents.get(connection, self.incident.id)
            resolve(connection, self.settings, incident, "mitigated, and every lease has ended", self.clock.now())

    def play(self) -> "Case":
        """From the first plan to the end."""
        self.respond()
        typed = self.secrets_of_the_night
        self.note(redact_text(f"asns: AS64500; {typed.victim} called from {typed.home}, and pasted {typed.token}"))
        self.note("follow-up: ask the network team for a better list")
        self.verify()
        self.end()
        return self


@pytest.fixture
def case(database: Database) -> Case:
    """The tenant with its open incident."""
    return Case(database)


@pytest.fixture
def played(case: Case) -> Case:
    """The same, ended."""
    return case.play()
