"""What tests of approvals share: an incident, its plan, and people. Loaded by the fixture `approval_case`."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import text

from spine import totp
from spine.approval import Approval, Outcome, Via, Vote
from spine.clock import ManualClock
from spine.decision.plan_hash import of_decision
from spine.ids import TenantId, derive
from spine.incident import Incident, IncidentKind, IncidentStatus, incident_id
from spine.person import PersonRef, Role
from spine.plan import Decision, Gate, Risk, Step, Verb
from spine.settings import Settings
from spine.severity import Severity
from store import approvals, incident_rows, people
from store.decide import decide
from store.engine import Database
from store.secrets import Vault


class ApprovalCase:
    """An open incident with a stored two-step plan, and enrolled people who decide on it, by a clock of its own."""

    tenant = TenantId("acme")

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
        self.settings = Settings(secret_key=Fernet.generate_key().decode())
        self.secrets: dict[PersonRef, str] = {}
        now = self.clock.now()
        self.incident = Incident(
            id=incident_id(self.tenant, IncidentKind.FAILED_LOGINS_SPIKE, "episode"), tenant_id=self.tenant,
            kind=IncidentKind.FAILED_LOGINS_SPIKE, subject="tenant", status=IncidentStatus.OPEN,
            severity=Severity.HIGH, title="t", first_event_at=now, opened_at=now, last_finding_at=now,
        )  # fmt: skip
        with database.system() as connection:
            incident_rows.insert(connection, self.incident)
        self.decision = self.plan()

    def plan(self, name: str = "first", risk: Risk = Risk.HIGH, verb: Verb = Verb.MITIGATE) -> Decision:
        """Another stored decision on the incident: two steps of this risk."""
        steps = [Step(order=n, action_key=f"ip.{n}", risk=risk, gate=Gate.APPROVE) for n in (1, 2)]
        draft = Decision(
            decision_id=derive("decision", self.tenant, name), incident_id=self.incident.id, type=self.incident.kind,
            tenant=self.tenant, environment="prod", decision=verb, severity=Severity.HIGH,
            severity_label="high", confidence=0.9, confidence_factors=(), steps=tuple(steps), policy_version="1",
            ruleset_version="1", plan_hash="", created_at=self.clock.now(),
            expires_at=self.clock.now() + timedelta(minutes=15),
        )  # fmt: skip
        decision = draft.model_copy(update={"plan_hash": of_decision(draft)})
        with self.database.system() as connection:
            connection.execute(
                text(
                    "insert into decisions select :id, :tenant, :incident, 1 + (select count(*) from decisions),"
                    " :hash, :verb, cast(:body as jsonb), :now, :expires"
                ),
                {"id": decision.decision_id, "tenant": self.tenant, "incident": self.incident.id,
                 "now": self.clock.now(), "hash": decision.plan_hash, "verb": verb.value,
                 "body": decision.model_dump_json(by_alias=True), "expires": decision.expires_at},
            )  # fmt: skip
        return decision

    def person(self, name: str, *roles: Role, tenant: TenantId | None = None) -> PersonRef:
        """Somebody with these roles (default: incident commander) and a second factor."""
        ref = PersonRef.by_email(f"{name}@example.org")
        held = [(tenant or self.tenant, role) for role in roles or (Role.INCIDENT_COMMANDER,)]
        with self.database.system() as connection:
            _, secret = people.add(
                connection, ref.account, name, held,
                vault=Vault.of(self.settings), actor="test", now=self.clock.now(),
            )  # fmt: skip
        assert secret is not None
        self.secrets[ref] = secret
        return ref

    def slack(self, ref: PersonRef, user: str, team: str = "T1") -> PersonRef:
        """The same person as seen from a Slack account."""
        account = PersonRef.by_slack(team, user)
        with self.database.system() as connection:
            people.link(connection, ref.account, account, actor="test", now=self.clock.now())
        self.secrets[account] = self.secrets[ref]
        return account

    def code(self, ref: PersonRef) -> str:
        """What their authenticator shows now."""
        return totp.code_at(self.secrets[ref], self.clock.now())

    def ask(
        self, gate: Gate = Gate.APPROVE, steps: tuple[int, ...] = (1,), *, of: Decision | None = None, **more: Any
    ) -> Approval:
        """The question as the engine asks it."""
        with self.database.system() as connection:
            return approvals.request(
                connection,
                of or self.decision,
                gate=gate,
                steps=steps,
                now=self.clock.now(),
                settings=self.settings,
                **more,
            )

    def decide(
        self, approval: Approval, who: PersonRef, vote: Vote = "approve", *, via: Via = "slack",
        totp: str | None = "fresh", tenant: TenantId | None = None,
    ) -> Outcome:  # fmt: skip
        """Their vote, with a fresh code unless told otherwise."""
        code = self.code(who) if totp == "fresh" else totp
        return decide(
            self.database, approval.id, person=who, vote=vote, via=via, reason="because", totp=code,
            settings=self.settings, now=self.clock.now(), tenant=tenant,
        )  # fmt: skip

    def get(self, approval: Approval) -> Approval:
        """The approval as stored now."""
        with self.database.system() as connection:
            found = approvals.get(connection, approval.id)
        assert found is not None
        return found

    def audited(self, tenant: TenantId | None = None) -> list[tuple[str, str, str]]:
        """(action, actor, outcome) of every audit entry of the tenant, in order."""
        query = text(
            "select action, entry::jsonb #>> '{data,actor}', entry::jsonb #>> '{data,outcome}' from audit_entries"
            " where tenant_id = :t order by seq"
        )
        with self.database.system() as connection:
            return [tuple(row) for row in connection.execute(query, {"t": tenant or self.tenant})]
