"""Evidence: what was observed, frozen, with a hash anybody can recompute."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import rfc8785
from sqlalchemy import Connection, text

from spine.ids import TenantId, derive
from spine.plan import EvidenceRef

_HASHED = ("source", "query", "window_start", "window_end", "n", "observed", "threshold", "body")


def digest(row: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON (RFC 8785) of an evidence row's content; times are ISO 8601 in UTC."""
    plain = {name: row[name].isoformat() if isinstance(row[name], datetime) else row[name] for name in _HASHED}
    return hashlib.sha256(rfc8785.dumps(plain)).hexdigest()


def add_evidence(
    connection: Connection,
    tenant: TenantId,
    incident_id: UUID,
    *,
    source: str,
    query: str,
    window_start: datetime,
    window_end: datetime,
    n: int,
    observed: Mapping[str, float],
    threshold: Mapping[str, float],
    body: Mapping[str, Any] | None = None,
    at: datetime,
) -> EvidenceRef:
    """Freeze one observation. The same observation is kept once."""
    row: dict[str, Any] = {
        "source": source, "query": query, "window_start": window_start, "window_end": window_end, "n": n,
        "observed": {k: float(v) for k, v in observed.items()},
        "threshold": {k: float(v) for k, v in threshold.items()},
        "body": json.loads(json.dumps(dict(body or {}), default=str)),
    }  # fmt: skip
    sha256 = digest(row)
    identity = derive("evidence", tenant, incident_id, sha256)
    documents = {name: json.dumps(row[name]) for name in ("observed", "threshold", "body")}
    connection.execute(
        text(
            "insert into evidence(id, tenant_id, incident_id, source, query, window_start, window_end, n, observed,"
            " threshold, body, sha256, created_at) values(:id, :tenant, :incident, :source, :query, :window_start,"
            " :window_end, :n, cast(:observed as jsonb), cast(:threshold as jsonb), cast(:body as jsonb), :sha256,"
            " :at) on conflict do nothing"
        ),
        {**row, **documents, "id": identity, "tenant": tenant, "incident": incident_id, "sha256": sha256, "at": at},
    )
    return _ref({**row, "id": identity, "sha256": sha256})


def evidence(connection: Connection, incident_id: UUID) -> list[EvidenceRef]:
    """The receipts of an incident, oldest first."""
    return [_ref(dict(row)) for row in evidence_rows(connection, incident_id)]


def evidence_rows(connection: Connection, incident_id: UUID) -> list[dict[str, Any]]:
    """The evidence of an incident in full, oldest first, so that a hash can be recomputed."""
    rows = connection.execute(
        text(
            "select id, source, query, window_start, window_end, n, observed, threshold, body, sha256, created_at"
            " from evidence where incident_id = :id order by created_at, id"
        ),
        {"id": incident_id},
    )
    return [dict(row) for row in rows.mappings()]


def _ref(row: Mapping[str, Any]) -> EvidenceRef:
    return EvidenceRef(**{name: row[name] for name in EvidenceRef.model_fields})
