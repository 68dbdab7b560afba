"""An open incident with a plan, and what it takes to act on it and to look at the outcome."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from spine.clock import ManualClock
from spine.flag import Evaluation, FlagSet, boolean_flag
from spine.ids import IncidentId, TenantId, mint
from spine.lease import Lease
from spine.plan import Gate, Risk, Step
from spine.settings import Settings, WebhookSettings
from store import flags, incidents, leases
from store.engine import Database
from tasks.leasing import Tended, apply_lease, intend_lease, ports_of, revert_lease, tend_leases

Plan = tuple[IncidentId, UUID]


class Ledger:
    """Incidents, leases and flags of one test, on a clock of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.tenant = TenantId("acme")
        self.clock = ManualClock(datetime.now(UTC))
        self.settings = Settings(env="prod")
        self.ports = ports_of(self.settings, clock=self.clock)
        self.incident, self.decision = self.add_incident()

    def with_webhook(self, url: str) -> "Ledger":
        """From now on the webhook at `url` is a second effect."""
        secret = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
        self.settings = Settings(env="prod", webhook=WebhookSettings(url=url, secret=secret, timeout_seconds=5))
        self.ports = ports_of(self.settings, clock=self.clock)
        return self

    def add_incident(self, tenant: TenantId | None = None) -> Plan:
        """Another open incident with a decision; returns both ids."""
        incident, decision = mint(), mint()
        values = {"i": incident, "d": decision, "t": tenant or self.tenant, "now": self.clock.now()}
        with self.database.system() as connection:
            connection.execute(_INCIDENT, values | {"subject": str(incident)})
            connection.execute(_DECISION, values | {"end": self.clock.now() + timedelta(minutes=15)})
        return IncidentId(incident), decision

    def take(self, incident: IncidentId | None = None) -> int:
        """A run takes the incident; returns its fencing token."""
        with self.database.system() as connection:
            return incidents.take(connection, incident or self.incident, mint())

    def step(self, action: str, *targets: str, order: int = 1, minutes: float | None = None, **params: object) -> Step:
        """A step of a plan, with the action's own default time to live."""
        bounds = self.ports.actions[action].spec.ttl
        ttl = bounds.default if bounds and minutes is None else None
        return Step(
            order=order, action_key=action, params=params, targets=targets,
            ttl=timedelta(minutes=minutes) if minutes is not None else ttl, risk=Risk.LOW, gate=Gate.ALLOW,
        )  # fmt: skip

    def intend(self, step: Step, *, fence: int = 0, plan: Plan | None = None) -> Lease:
        """Commit the intent to do `step`."""
        incident, decision = plan or (self.incident, self.decision)
        with self.database.system() as connection:
            tenant = incidents.get(connection, incident).tenant_id
        return intend_lease(
            self.database, tenant=tenant, incident_id=incident, decision_id=decision, step=step, fence=fence,
            ports=self.ports,
        )  # fmt: skip

    def apply(self, step: Step, *, fence: int = 0, plan: Plan | None = None) -> Lease:
        """Bring `step` into force."""
        return apply_lease(self.database, self.intend(step, fence=fence, plan=plan).id, fence=fence, ports=self.ports)

    def end(self, lease: Lease) -> Lease:
        """Take `lease` back, as at its incident's end."""
        return revert_lease(self.database, lease.id, reason="over", ports=self.ports)

    def lease(self, lease_id: UUID) -> Lease:
        """The lease as stored now."""
        with self.database.system() as connection:
            return leases.get(connection, lease_id)

    def flag(self, key: str) -> flags.StoredFlag:
        """The flag as stored now."""
        with self.database.tenant(self.tenant) as connection:
            found = flags.get(connection, self.tenant, key)
        assert found is not None
        return found

    def reads(self, key: str, ip: str | None = None, **told: object) -> Evaluation:
        """What an application reads whose context tells `told`."""
        context = {"targetingKey": "somebody", **told} | ({"ip": ip} if ip else {})
        found = FlagSet({key: self.flag(key).at(self.clock.now())}).evaluate(key, context)
        assert isinstance(found, Evaluation)
        return found

    def put(self, key: str, *, on: bool, version: int = 0, **metadata: int) -> int:
        """A person sets the base of a boolean flag."""
        with self.database.tenant(self.tenant) as connection:
            return flags.put(
                connection, self.tenant, key, boolean_flag(on=on, metadata=metadata).stored(),
                expected_version=version, actor="person:ada@example.org", reason="by hand", at=self.clock.now(),
            )  # fmt: skip

    def tend(self, **by: float) -> list[Tended]:
        """Let time pass (`minutes=…`), then one round of reconcile."""
        self.clock.advance(timedelta(**by))
        return tend_leases(self.database, self.ports)

    def rows(self, query: str, **values: object) -> list[Any]:
        """What a query finds, across tenants."""
        with self.database.system() as connection:
            return list(connection.execute(text(query), values))

    def told(self) -> list[str]:
        """What the timeline tells of actions beyond their states, oldest first."""
        rows = self.rows("select summary from incident_timeline where kind = 'mitigation.told' order by id")
        return [row.summary for row in rows]

    def audited(self, action: str) -> list[dict[str, Any]]:
        """The data of every audit entry of `action`, oldest first."""
        rows = self.rows("select entry from audit_entries where action = :a order by tenant_id, seq", a=action)
        return [json.loads(row.entry)["data"] for row in rows]


_INCIDENT = text("""
    insert into incidents(id, tenant_id, kind, subject, status, severity, title, first_event_at, opened_at,
                          last_finding_at)
    values(:i, :t, 'FAILED_LOGINS_SPIKE', :subject, 'open', 2, 'failed logins', :now, :now, :now)
""")
_DECISION = text("""
    insert into decisions(id, tenant_id, incident_id, seq, plan_hash, verb, body, created_at, expires_at)
    values(:d, :t, :i, 1, 'hash', 'MITIGATE', '{}', :now, :end)
""")
