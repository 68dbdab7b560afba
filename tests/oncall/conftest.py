"""An incident, people who are on call in turns, and the rounds in which they are called."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from spine.clock import ManualClock
from spine.ids import TenantId
from spine.incident import Incident, IncidentKind, IncidentStatus, incident_id
from spine.oncall.policy import Policy
from spine.oncall.schedule import Plan
from spine.person import Person, Role
from spine.settings import Settings, SmtpSettings
from spine.severity import Severity
from store import incident_rows, incidents, people, policies, schedules
from store.engine import Database
from store.escalations import Page, pages
from store.oncall import Acknowledged, acknowledge
from store.secrets import Vault
from tasks.escalating import call_people

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Calls:
    """Tenant "acme" with Ann and Bob on call in two schedules, and a commander above them."""

    tenant = TenantId("acme")

    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, ManualClock(MONDAY)
        self.settings = Settings(
            secret_key=Fernet.generate_key().decode(), smtp=SmtpSettings(host="127.0.0.1", port=1, starttls=False)
        )
        self.ann, self.bob = self.person("ann", Role.RESPONDER), self.person("bob", Role.RESPONDER)
        self.carol = self.person("carol", Role.INCIDENT_COMMANDER)
        self.schedule("primary", "ann@example.org")
        self.schedule("secondary", "bob@example.org")

    def person(self, name: str, *roles: Role, tenant: str = "acme") -> Person:
        with self.database.system() as connection:
            made, _ = people.add(
                connection, f"{name}@example.org", name.capitalize(), [(TenantId(tenant), role) for role in roles],
                vault=Vault.of(self.settings), actor="test", now=self.clock.now(),
            )  # fmt: skip
        return made

    def schedule(self, name: str, *crew: str, tenant: str = "acme", **layer: Any) -> None:
        plan = Plan.model_validate(
            {"zone": "UTC", "layers": [{"name": "week", "people": crew, "handover": time(9), "start": date(2026, 2, 23),
                                        **layer}]}
        )  # fmt: skip
        with self.database.system() as connection:
            schedules.put(connection, TenantId(tenant), name, plan, version=None, actor="test", now=self.clock.now())

    def policy(self, *steps: dict[str, Any], tenant: str = "acme", name: str = "default", **more: Any) -> None:
        made = Policy.model_validate({"steps": steps, "repeat": 1, **more})
        with self.database.system() as connection:
            policies.put(connection, TenantId(tenant), name, made, version=None, actor="test", now=self.clock.now())

    def usual(self, **more: Any) -> None:
        """Ann, after five minutes Bob, after five more the commander."""
        self.policy(
            {"targets": ["schedule:primary"]},
            {"delay_minutes": 5, "targets": ["schedule:secondary"]},
            {"delay_minutes": 5, "targets": ["role:incident_commander"]},
            **more,
        )

    def incident(self, name: str = "one", severity: Severity = Severity.CRITICAL, **more: Any) -> Incident:
        now, kind = self.clock.now(), IncidentKind.FAILED_LOGINS_SPIKE
        values = {
            "id": incident_id(self.tenant, kind, name), "tenant_id": self.tenant, "kind": kind, "subject": name,
            "status": IncidentStatus.OPEN, "severity": severity, "title": "t", "first_event_at": now,
            "opened_at": now, "last_finding_at": now, **more,
        }  # fmt: skip
        made = Incident(**values)
        with self.database.system() as connection:
            incident_rows.insert(connection, made)
        return made

    def round(self, minutes: float = 0) -> int:
        """One round of reconcile after some minutes; returns how many steps were taken."""
        self.clock.advance(timedelta(minutes=minutes))
        done = call_people(self.database, self.settings, self.clock.now())
        assert done.problems == []
        return done.steps

    def pages(self, incident: Incident) -> list[Page]:
        with self.database.system() as connection:
            return pages(connection, incident.id, now=self.clock.now(), stuck=timedelta(seconds=30))

    def called(self, incident: Incident) -> list[str]:
        """Names of who was called, in order; who could not be, in brackets."""
        named = {person.id: person.name for person in (self.ann, self.bob, self.carol)}
        return [
            f"[{page.target}: {page.problem}]" if page.problem else named.get(page.person_id, page.target)
            for page in self.pages(incident)
        ]

    def outbox(self, topic: str = "page") -> list[tuple[str, str, str]]:
        """(channel, kind of target, status) of every message of a topic."""
        query = text("select channel, target, status from outbox where topic = :t order by created_at, id")
        with self.database.system() as connection:
            rows = connection.execute(query, {"t": topic}).all()
        return [(row.channel, row.target.split(".")[0], row.status) for row in rows]

    def fail(self) -> None:
        """Every page under way is given up by the relay."""
        with self.database.system() as connection:
            connection.execute(text("update outbox set status = 'failed' where topic = 'page' and status = 'pending'"))

    def ack(self, incident: Incident, person: Person, via: str = "cli") -> Acknowledged:
        with self.database.system() as connection:
            return acknowledge(connection, incident.id, person, via, self.clock.now())

    def story(self, incident: Incident, kind: str = "page") -> list[str]:
        with self.database.system() as connection:
            return [line["summary"] for line in incidents.timeline(connection, incident.id) if line["kind"] == kind]

    def audited(self) -> list[tuple[str, str, str]]:
        query = text(
            "select action, entry::jsonb #>> '{data,actor}', entry::jsonb #>> '{data,outcome}' from audit_entries"
            " where tenant_id = 'acme' order by seq"
        )
        with self.database.system() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def set(self, incident: Incident, **columns: object) -> None:
        marks = ", ".join(f"{name} = :{name}" for name in columns)
        with self.database.system() as connection:
            connection.execute(text(f"update incidents set {marks} where id = :id"), {**columns, "id": incident.id})


@pytest.fixture
def calls(database: Database) -> Calls:
    return Calls(database)
