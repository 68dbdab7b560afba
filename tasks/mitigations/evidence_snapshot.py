"""evidence.snapshot: freeze what the incident's events say now, before retention and the attack's end blur it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from pydantic import Field
from sqlalchemy import Connection

from spine.action import ActionParams, ActionSpec
from spine.detect.summary import hashed
from spine.family import family_of
from spine.ids import TenantId
from spine.lease import Lease
from spine.plan import Risk
from spine.reach import Reach
from store import incidents
from store.events import recent_events
from store.evidence import add_evidence, digest, evidence_rows
from tasks.mitigation import Observation

_MOST = 200
"""Addresses and users listed by name; the rest is in the counts and in the digest of all events."""


class Params(ActionParams):
    """How far back."""

    hours: float = Field(default=1, gt=0, le=24)


SPEC = ActionSpec(
    key="evidence.snapshot",
    title="Freeze the events as evidence",
    params=Params,
    risk=Risk.LOW,
    reversible=False,
    ttl=None,
    harmless=True,
    pre_authorised=True,
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One evidence row per lease. It stays: there is nothing to take back."""

    spec: ActionSpec[Params] = SPEC

    def pre_image(self, connection: Connection, lease: Lease) -> dict[str, Any]:
        """How much evidence there was before."""
        return {"evidence": len(evidence_rows(connection, lease.incident_id))}

    def apply(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """Freeze the hours before the lease was meant; a second time changes nothing."""
        if _stored(connection, lease) is not None:
            return
        since = lease.created_at - timedelta(hours=self.spec.parse(lease.params).hours)
        incident = incidents.get(connection, lease.incident_id)
        family = family_of(incident.kind)
        seen = recent_events(connection, Reach.of(incident), family, since, lease.created_at)
        counts = {str(kind): float(n) for kind, n in seen["type"].value_counts().sort_index().items()}
        add_evidence(
            connection, lease.tenant_id, lease.incident_id, source=_source(lease), query=f"events of {family.noun}",
            window_start=since, window_end=lease.created_at, n=len(seen), observed=counts, threshold={},
            body=_body(lease.tenant_id, seen), at=now,
        )  # fmt: skip

    def revert(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """Evidence is kept."""

    def read_back(self, connection: Connection, lease: Lease, *, now: datetime) -> Observation:
        """The row is there and its hash is the hash of its content."""
        row = _stored(connection, lease)
        if row is None:
            return Observation(in_force=False, detail={"evidence": None})
        return Observation(
            in_force=digest(row) == row["sha256"],
            detail={"evidence": str(row["id"]), "sha256": row["sha256"], "events": row["n"]},
        )


MITIGATION = Snapshot()


def _source(lease: Lease) -> str:
    return f"snapshot:{lease.id}"


def _stored(connection: Connection, lease: Lease) -> dict[str, Any] | None:
    rows = evidence_rows(connection, lease.incident_id)
    return next((row for row in rows if row["source"] == _source(lease)), None)


def _body(tenant: TenantId, seen: pd.DataFrame) -> dict[str, Any]:
    """Who took part, hashed where it is a person, and one digest over every single event."""
    events = hashlib.sha256()
    for row in seen.itertuples(index=False):
        events.update("\x1f".join(str(value) for value in row).encode() + b"\n")
    return {
        "events_sha256": events.hexdigest(),
        "addresses": _top(seen["ip"]),
        "users": {hashed(tenant, user): n for user, n in _top(seen["user_id"]).items()},
        "user_agents": _top(seen["user_agent"]),
    }


def _top(column: "pd.Series[str]") -> dict[str, int]:
    """The most frequent values, ties in order of name."""
    counts = column.dropna().value_counts()
    ranked = sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))
    return {str(value): int(n) for value, n in ranked[:_MOST]}
