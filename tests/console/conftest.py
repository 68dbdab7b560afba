"""A tenant at three in the morning: an attack under way, a question open, people, and a browser."""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from deployments.gateway_ports import drill_names
from gateway.app import create_app
from gateway.identity import cookie
from runbooks import catalogue
from spine import case_example, totp
from spine.case_example import Crowd
from spine.clock import ManualClock
from spine.decision.engine import decide
from spine.decision.rules import Rules
from spine.flag import CATALOGUE
from spine.ids import TenantId
from spine.incident import Incident, IncidentKind, IncidentStatus
from spine.oncall.schedule import Layer, Plan
from spine.person import PersonRef, Role
from spine.plan import Gate
from spine.session import Method
from spine.settings import Settings
from spine.severity import Severity
from spine.suppression import Reason
from store import approvals, decisions, incidents, people, schedules, sessions, suppressions
from store.decide import decide as vote
from store.engine import Database
from store.fold import fold
from store.heartbeats import beat
from store.partition import ensure_days
from store.secrets import Vault
from tasks.leasing import apply_lease, intend_lease, ports_of
from tasks.mitigations import actions

NOW = datetime.now(UTC).replace(microsecond=0)
"""Not a made-up time: what a lease holds is evaluated by the machine's clock."""
HOME = "/admin/auth-ops"
_PEOPLE = Crowd(addresses=40, users=160, tries=4, network="198.51.100")
_ATTACK = Crowd(addresses=20, users=150, tries=4, hostile=True, first_user=500)


class Night:
    """One tenant's night, on a clock of its own."""

    tenant = TenantId("acme")
    role = Role.INCIDENT_COMMANDER

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock(NOW)
        self.settings = Settings(
            app_name="Acme", env="prod", secret_key=Fernet.generate_key().decode(),
            prefect={"api_url": "http://127.0.0.1:9/api"}, gateway={"answer_seconds": 0},
        )  # fmt: skip
        self.secrets: dict[str, str] = {}
        self.woken: list[object] = []
        self.started: list[tuple[str, dict[str, Any]]] = []
        self.orchestrated = True
        self.ann = self.person("Ann Berg", Role.INCIDENT_COMMANDER)
        self.cho = self.person("Cho Vu", Role.SECURITY_ADMIN)
        self.vic = self.person("Vic Lo", Role.VIEWER)
        self.incident = self.attack()

    def app(self) -> Any:
        """The gateway over it; what it would wake or start is kept."""

        async def wake(approval: object) -> None:
            self.woken.append(approval)

        async def start(deployment: str, parameters: dict[str, Any], _key: str) -> bool:
            if self.orchestrated:
                self.started.append((deployment, dict(parameters)))
            return self.orchestrated

        def known() -> Any:
            return {key: mitigation.spec for key, mitigation in actions().items()}

        return create_app(
            self.settings, self.database, clock=self.clock, wake=wake, start=start, actions=known, drills=drill_names
        )

    def person(self, name: str, *roles: Role, tenant: TenantId | None = None) -> PersonRef:
        """Somebody with these roles and a second factor."""
        email = f"{name.split(maxsplit=1)[0].lower()}@example.org"
        with self.database.system() as connection:
            _, secret = people.add(
                connection, email, name, [(tenant or self.tenant, role) for role in roles],
                vault=Vault.of(self.settings), actor="test", now=self.clock.now(),
            )  # fmt: skip
        assert secret is not None
        self.secrets[email] = secret
        return PersonRef.by_email(email)

    def code(self, who: PersonRef) -> str:
        """What their authenticator shows now."""
        return totp.code_at(self.secrets[who.account], self.clock.now())

    def token(self, who: PersonRef, *, stepped_up: bool = False) -> str:
        """They sign in; the value of their session cookie."""
        with self.database.system() as connection:
            person = people.find(connection, who)
            assert person is not None
            _, token = sessions.begin(
                connection, person, Method.PASSKEY, now=self.clock.now(), settings=self.settings.signin,
                stepped_up=stepped_up,
            )  # fmt: skip
        return token

    def client(self, site: str, who: PersonRef | None, *, stepped_up: bool = False) -> httpx.Client:
        """A browser without scripts, signed in; `client.csrf` is what its forms carry."""
        client = httpx.Client(base_url=f"{site}{HOME}", trust_env=False, timeout=120)
        client.csrf = ""  # type: ignore[attr-defined]
        if who is not None:
            client.cookies.set(self.cookie_name, self.token(who, stepped_up=stepped_up))
            found = re.search(r'name="csrf" value="([^"]+)"', client.get("/incidents").text)
            assert found is not None
            client.csrf = found[1]  # type: ignore[attr-defined]
        return client

    @property
    def cookie_name(self) -> str:
        """The name of the session cookie here."""
        return cookie.name(self.settings)

    def attack(self) -> Incident:
        """Twenty addresses try six hundred logins: the events, the incident and what detectors say of it."""
        self._events()
        case = case_example.case(_PEOPLE, _ATTACK, severity=Severity.HIGH, now=NOW)
        found = [replace(one, tenant_id=self.tenant, last_event_at=NOW) for one in case.findings]
        with self.database.system() as connection:
            (opened,) = incidents.record(
                connection, found, NOW, detect=self.settings.detect, notify=self.settings.notify
            )
        return opened.incident

    def plan(self) -> Any:
        """The engine's own decision on it, frozen; its question asked; what needs nobody applied."""
        case = case_example.case(_PEOPLE, _ATTACK, severity=Severity.HIGH, about=self.incident, now=NOW)
        book = catalogue()[IncidentKind.FAILED_LOGINS_SPIKE]
        specs = {key: mitigation.spec for key, mitigation in actions().items()}
        decision = decide(case, book.diagnose(case), book, specs, rules=Rules.of(self.settings, tenants=1), flags={})
        with self.database.system() as connection:
            decisions.save(connection, decision)
            incidents.take(connection, self.incident.id, None, at=NOW)
        self._carry_out(decision)
        return decision

    def asked(self, decision: Any) -> Any:
        """The question that waits."""
        with self.database.system() as connection:
            return next(one for one in approvals.of_incident(connection, decision.incident_id))

    def asked_now(self, approval: Any) -> Any:
        """The question as it stands."""
        with self.database.system() as connection:
            return approvals.get(connection, approval.id)

    def current(self) -> Any:
        """The decision in force on the incident."""
        with self.database.system() as connection:
            return decisions.current(connection, self.incident.id)

    def voters(self, approval: Any) -> list[str]:
        """Whose votes count."""
        with self.database.system() as connection:
            found = [people.get(connection, one.person_id) for one in approvals.ballots(connection, approval.id)]
        return [person.email for person in found if person is not None]

    def well(self) -> None:
        """Every resident part gives signs of life."""
        with self.database.system() as connection:
            for part in ("relay", "detect", "reconcile", "check_health"):
                beat(connection, part, now=NOW)

    def listened(self) -> None:
        """Wait until the gateway listens: what is said before is told as "everything"."""
        listening = text("select count(*) from pg_stat_activity where query = 'listen \"console\"'")
        for _ in range(1_000):
            with self.database.owner() as connection:
                if connection.execute(listening).scalar_one():
                    return
            time.sleep(0.05)

    def on_call(self) -> None:
        """Ann and Cho take turns."""
        plan = Plan(
            zone="Europe/Berlin",
            layers=(
                Layer(
                    name="week", people=("ann@example.org", "cho@example.org"), handover="09:00",
                    start=(NOW - timedelta(days=30)).date(),
                ),
            ),
        )  # fmt: skip
        with self.database.system() as connection:
            schedules.put(
                connection, self.tenant, "primary", plan, version=None, actor="person:ann@example.org", now=NOW
            )

    def vote(self, approval: Any, who: PersonRef, word: str = "approve") -> Any:
        """Somebody's word from elsewhere."""
        return vote(
            self.database, approval.id, person=who, vote=word, via="slack", reason="seen", totp=self.code(who),
            settings=self.settings, now=self.clock.now(),
        )  # fmt: skip

    def note(self, said: str, *, title: str | None = None) -> None:
        """Something happens to the incident."""
        with self.database.system() as connection:
            incident = incidents.get(connection, self.incident.id)
            incidents.append_timeline(connection, incident, self.clock.now(), "note", "engine", said)
            if title is not None:
                connection.execute(
                    text("update incidents set title = :t where id = :id"), {"t": title, "id": self.incident.id}
                )

    def suppress(self, tenant: TenantId | None = None) -> None:
        """A window that runs."""
        with self.database.system() as connection:
            suppressions.add(
                connection, tenant or self.tenant, reason=Reason.DEPLOY, kind=IncidentKind.JWT_VALIDATION_ERRORS,
                owner="person:ann@example.org", note="Release 4.2 rotates the signing key", starts_at=NOW,
                length=timedelta(minutes=30), now=NOW,
            )  # fmt: skip

    def _carry_out(self, decision: Any) -> None:
        ports = ports_of(self.settings, clock=self.clock)
        for step in decision.steps:
            if step.gate is not Gate.ALLOW:
                continue
            lease = intend_lease(
                self.database, tenant=self.tenant, incident_id=decision.incident_id,
                decision_id=decision.decision_id, step=step, fence=1, ports=ports,
            )  # fmt: skip
            apply_lease(self.database, lease.id, fence=1, ports=ports)
        gated = [step for step in decision.steps if step.gate in (Gate.STEP_UP, Gate.APPROVE, Gate.TWO_PERSON)]
        with self.database.system() as connection:
            if gated:
                approvals.request(
                    connection, decision, gate=max(step.gate for step in gated), steps=[s.order for s in gated],
                    now=NOW, settings=self.settings,
                )  # fmt: skip
            at = {"at": self.clock.now(), "actor": "engine"}
            for status in (IncidentStatus.AWAITING_APPROVAL,):
                told = "Waits for a person: the plan has steps behind a gate"
                incidents.transition(connection, decision.incident_id, status, summary=told, **at)

    def _events(self) -> None:
        """Three hours of people, the attack's quarter of an hour, and four weeks of usual nights."""
        with self.database.owner() as connection:
            ensure_days(connection, [NOW.date(), NOW.date() - timedelta(days=1)])
        rows = [
            {"id": f"{k}", "t": "login_failed" if k % 4 == 0 else "login_succeeded", "ip": f"198.51.100.{k % 40 + 1}",
             "u": f"u{k % 160}", "at": NOW - timedelta(minutes=180) + timedelta(seconds=3 * k)}
            for k in range(3500)
        ]  # fmt: skip
        rows += [
            {"id": row["id"], "t": row["type"], "ip": row["ip"], "u": row["user_id"], "at": row["occurred_at"]}
            for row in _ATTACK.rows(NOW)
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
        with self.database.owner() as connection:
            connection.execute(text("update auth_tenant set first_at = :a"), {"a": NOW - timedelta(days=60)})
            connection.execute(
                text(
                    "insert into auth_metric_hours select date_trunc('hour', cast(:now as timestamptz), 'UTC')"
                    " - week * interval '7 days' - hour * interval '1 hour', 'acme', 'login_failed', 260 + 20 * hour"
                    " from generate_series(1, 4) as week cross join generate_series(0, 3) as hour"
                ),
                {"now": NOW},
            )


@pytest.fixture
def night(database: Database) -> Night:
    """The tenant with its incident."""
    assert CATALOGUE
    return Night(database)


@pytest.fixture
def site(night: Night, serve: Callable[[Any], str]) -> str:
    """Where the gateway serves it, over real HTTP."""
    return serve(night.app())


@pytest.fixture
def visit(chromium: Any, site: str, night: Night) -> Iterator[Callable[..., Any]]:
    """visit(path, who=…, dark=…, phone=…, script=…) opens a page; what the browser complains of: `page.problems`."""
    opened: list[Any] = []

    def go(path: str = "", *, who: PersonRef | None = None, dark: bool = False, phone: bool = False,
           script: bool = True, stepped_up: bool = False) -> Any:  # fmt: skip
        size = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 900}
        context = chromium.new_context(
            viewport=size, color_scheme="dark" if dark else "light", java_script_enabled=script,
            reduced_motion="reduce", device_scale_factor=1,
        )  # fmt: skip
        opened.append(context)
        if who is not None:
            token = night.token(who, stepped_up=stepped_up)
            context.add_cookies([{"name": night.cookie_name, "value": token, "url": site}])
        page = context.new_page()
        page.set_default_timeout(120_000)  # a busy machine is no fault of the page
        page.problems = []
        page.on("console", lambda said: page.problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(f"{site}{HOME}{path}", wait_until="load")
        return page

    yield go
    for context in opened:
        context.close()


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: a temporary folder, or docs/images when OPSSPINE_SHOTS says so."""
    chosen = os.environ.get("OPSSPINE_SHOTS")
    return Path(chosen) if chosen else tmp_path_factory.mktemp("shots")
