"""The spine's own records, read as they are: the demo believes nothing else. It reads and never writes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text

from spine.ids import TenantId
from store.engine import Database


class Records:
    """What the tables say about one tenant since the demo began."""

    def __init__(self, database: Database, tenant: TenantId, since: datetime) -> None:
        self._database = database
        self._tenant = tenant
        self.since = since

    def incident(self) -> RowMapping | None:
        """The first incident opened since the demo began."""
        rows = self._rows("select * from incidents where opened_at >= :since order by opened_at, id limit 1")
        return rows[0] if rows else None

    def evidence(self, incident: UUID) -> Sequence[RowMapping]:
        """What its detectors and probes saw."""
        return self._rows("select * from evidence where incident_id = :i order by created_at", i=incident)

    def decision(self, incident: UUID) -> RowMapping | None:
        """Its plan in force."""
        rows = self._rows(
            "select * from decisions where incident_id = :i and superseded_at is null order by seq desc limit 1",
            i=incident,
        )
        return rows[0] if rows else None

    def approval(self, incident: UUID) -> RowMapping | None:
        """The last approval that was asked for."""
        rows = self._rows(
            "select * from approvals where incident_id = :i order by requested_at desc limit 1", i=incident
        )
        return rows[0] if rows else None

    def leases(self, incident: UUID) -> Sequence[RowMapping]:
        """Its mitigations, in the order of the plan."""
        return self._rows("select * from leases where incident_id = :i order by created_at, step", i=incident)

    def holds(self) -> int:
        """How many holds lie on the tenant's flags now."""
        return self._count("select count(*) from flag_holds where released_at is null")

    def flags(self) -> dict[str, tuple[int, Any]]:
        """Every flag's base version and definition."""
        return {r["key"]: (r["version"], r["definition"]) for r in self._rows("select * from flags")}

    def timeline(self, incident: UUID) -> Sequence[RowMapping]:
        """Everything that happened to it."""
        return self._rows("select * from incident_timeline where incident_id = :i order by at, id", i=incident)

    def audited(self, action: str, incident: UUID) -> Sequence[RowMapping]:
        """Audit entries of `action` about it."""
        return self._rows(
            "select seq, at, entry::jsonb -> 'data' as data from audit_entries"
            " where action = :a and incident_id = :i order by seq",
            a=action,
            i=incident,
        )

    def events(self, kind: str, since: datetime, addresses: Sequence[str] | None = None) -> int:
        """How many events of `kind` occurred since, from `addresses` or from anywhere."""
        return self._count(
            "select count(*) from auth_ops_logs where tenant_id = :tenant and type = :kind"
            " and occurred_at >= :moment and (cast(:ips as text[]) is null or host(cast(ip as inet)) = any(:ips))",
            kind=kind,
            moment=since,
            ips=None if addresses is None else list(addresses),
        )

    def all_events(self) -> int:
        """How many events of the tenant are stored."""
        return self._count("select count(*) from auth_ops_logs where tenant_id = :tenant")

    def _rows(self, query: str, **values: Any) -> Sequence[RowMapping]:
        with self._database.tenant(self._tenant) as connection:
            bound = {"since": self.since, "tenant": self._tenant, **values}
            return connection.execute(text(query), bound).mappings().all()

    def _count(self, query: str, **values: Any) -> int:
        return int(next(iter(self._rows(query, **values)[0].values())))
