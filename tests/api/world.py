"""Two tenants with something of everything, every route of the application, and a look at what has changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import text

from spine.ids import TenantId
from spine.person import Role

MARK = "globexsecret"
"""Stands in everything of the other tenant that is text."""


NAMES = {"key": "shared.flag", "name": "shared", "seq": "7"}
"""What every tenant may have one of."""


@dataclass(frozen=True)
class Route:
    """One way into the application."""

    method: str
    path: str
    documented: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes(app: Any) -> list[Route]:
    """Every route there is, whoever included it; folders of static files have none."""
    return sorted(set(_walk(app.routes, "")), key=lambda route: (route.path, route.method))


def _walk(found: Any, prefix: str) -> Iterator[Route]:
    for one in found:
        if hasattr(one, "original_router"):
            yield from _walk(one.original_router.routes, prefix + one.include_context.prefix)
        elif hasattr(one, "methods"):
            for method in (one.methods or set()) - {"HEAD", "OPTIONS"}:
                yield Route(method, prefix + one.path, one.include_in_schema)


class Victim:
    """The tenant globex with one of everything; `ids` by the names they bear in paths."""

    tenant = TenantId("globex")

    def __init__(self, edge: Any) -> None:
        self.edge = edge
        key = edge.key(self.tenant, name=f"{MARK}-key")
        admin, person, _ = edge.person(f"{MARK}.ann", Role.SECURITY_ADMIN, Role.INCIDENT_COMMANDER, tenant=self.tenant)
        told = {"event_id": f"{MARK}-1", "occurred_at": edge.clock.now().isoformat(),
                "metrics_snapshot": {"failures_15m": 900, "successes_15m": 30, "users_15m": 250}}  # fmt: skip
        incident = self._made(key.post("/api/ops/auth", json=told))["incidents"][0]["incident"]["id"]
        self._made(key.post(f"/api/ops/incidents/{incident}/notes", json={"text": MARK}))
        asked = {"reason": MARK, "actions": [{"action": "ip.block", "targets": ["203.0.113.7/32"]}]}
        command = self._made(key.post("/api/ops/auth/actions", json=asked))
        window = {"reason": "deploy", "note": MARK, "length_minutes": 60}
        lease = self._lease(incident, command["decision_id"])
        self.ids: dict[str, str] = {
            "incident_id": incident, "approval_id": command["actions"][0]["approval_id"], "command_id": command["id"],
            "mitigation_id": lease, "lease_id": lease, "decision_id": command["decision_id"],
            "suppression_id": self._made(key.post("/api/ops/suppressions", json=window))["id"],
            "key_id": str(edge.rows("select id from api_keys where tenant_id = 'globex'")[0].id),
            "person_id": str(person.id), "drill_id": f"{MARK}-drill", "credential": f"{MARK}-credential",
            "change_id": self._flag(admin), "override_id": self._on_call(admin, f"{MARK}.ann@example.org"),
            **NAMES,
        }  # fmt: skip

    def _made(self, answer: Any) -> Any:
        """What was answered, if it was made."""
        assert answer.status_code in (200, 201, 202), answer.text
        return answer.json()

    def _flag(self, admin: Any) -> str:
        """A flag, and a change of it that waits; the change's id."""
        values = {"defaultVariant": "on", "variants": {"on": True, "off": False}}
        change = {"definition": values, "reason": MARK, "purpose": MARK, "owner": MARK}
        later = (self.edge.clock.now() + timedelta(hours=1)).isoformat()
        self._made(admin.put(f"/api/ops/flags/{NAMES['key']}", json=change, headers={"If-Match": '"0"'}))
        draft = {**change, "starts_at": later}
        seen = {"If-Match": '"1"'}
        self._made(admin.post(f"/api/ops/flags/{NAMES['key']}/changes", json=draft, headers=seen))
        return str(self.edge.rows("select id from flag_changes where tenant_id = 'globex' order by id desc")[0].id)

    def _on_call(self, admin: Any, email: str) -> str:
        """A schedule, and somebody who stands in; the override's id."""
        plan = {"layers": [{"name": "week", "people": [email], "handover": "09:00", "start": "2026-02-23"}]}
        self._made(admin.put(f"/api/ops/oncall/schedules/{NAMES['name']}", json=plan))
        now = self.edge.clock.now()
        other = {"schedule": NAMES["name"], "people": [email], "reason": MARK, "starts_at": now.isoformat(),
                 "ends_at": (now + timedelta(hours=1)).isoformat()}  # fmt: skip
        return str(self._made(admin.post("/api/ops/oncall/overrides", json=other))["id"])

    def _lease(self, incident: str, decision: str) -> str:
        """A mitigation in force, as the ledger keeps it."""
        made = UUID(int=UUID(incident).int ^ 1)
        with self.edge.database.system() as connection:
            connection.execute(_LEASE, {"id": made, "i": incident, "d": decision, "now": self.edge.clock.now()})
        return str(made)

    def digest(self) -> dict[str, str]:
        """Every row of the tenant in every table that has tenants, as one digest a table."""
        with self.edge.database.owner() as connection:
            tables = connection.execute(_TABLES).scalars().all()
            found = {}
            for table in tables:
                rows = connection.execute(
                    text(f"select t::text from {table} t where tenant_id = 'globex' order by 1")
                ).scalars()
                found[table] = sha256("\n".join(rows).encode()).hexdigest()
            people = connection.execute(
                text("select p::text from people p where email like :m order by 1"), {"m": f"{MARK}%"}
            )
            found["people"] = sha256("\n".join(people.scalars()).encode()).hexdigest()
        return found


_TABLES = text("""
    select table_name from information_schema.columns c join pg_class t on t.relname = c.table_name
    where c.column_name = 'tenant_id' and c.table_schema = 'public' and t.relkind in ('r', 'p')
      and not t.relispartition order by 1""")
_LEASE = text("""
    insert into leases(id, tenant_id, incident_id, decision_id, step, action_key, params, targets, state, fence,
      pre_image, ttl_seconds, created_at, applied_at, expires_at, receipt)
    values(:id, 'globex', :i, :d, 99, 'ip.throttle', '{}', '{203.0.113.9/32}', 'active', 0, '{}', 900, :now, :now,
      cast(:now as timestamptz) + interval '15 minutes', '{}')""")
