"""Runs of operational runbooks in PostgreSQL: what each came to, written with its audit entry, and the latest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction
from spine.ids import TenantId
from spine.redact import redact
from store import audit
from store.read.page import Page, Place, newest_first


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRun:
    """One run of an operational runbook."""

    id: UUID
    tenant_id: TenantId
    operation: str
    drill: bool = False
    """A rehearsal: it changed nothing, and proves nothing but that the runbook works."""
    who: str
    started_at: datetime
    finished_at: datetime
    outcome: str
    passed: bool
    detail: Mapping[str, Any]


def keep(connection: Connection, run: OperationRun, *, told: Mapping[str, Any]) -> None:
    """Write a run down with its audit entry, which bears `told`: the run in short."""
    detail = redact(dict(run.detail))
    connection.execute(
        text(
            "insert into operation_runs(id, tenant_id, operation, drill, who, started_at, finished_at, outcome, passed,"
            " detail) values(:id, :t, :operation, :drill, :who, :started, :finished, :outcome, :passed,"
            " cast(:detail as jsonb))"
        ),
        {
            "id": run.id, "t": run.tenant_id, "operation": run.operation, "drill": run.drill, "who": run.who,
            "started": run.started_at, "finished": run.finished_at, "outcome": run.outcome, "passed": run.passed,
            "detail": json.dumps(detail),
        },
    )  # fmt: skip
    audit.append(
        connection, run.tenant_id, AuditAction.RUNBOOK_RUN, actor=run.who, at=run.finished_at,
        subject=f"{run.operation}:{run.id}", outcome=run.outcome, detail={"drill": run.drill, **told},
    )  # fmt: skip


def latest(
    connection: Connection,
    tenant: TenantId,
    operation: str,
    *,
    drill: bool = False,
    passed: bool | None = None,
    about: Mapping[str, Any] | None = None,
) -> OperationRun | None:
    """The newest run of an operation, whose detail holds `about`; None = there is none."""
    row = connection.execute(
        text(
            "select * from operation_runs where tenant_id = :t and operation = :o and drill = :drill"
            " and (cast(:passed as boolean) is null or passed = :passed)"
            " and detail @> cast(:about as jsonb) order by started_at desc, id desc limit 1"
        ),
        {"t": tenant, "o": operation, "drill": drill, "passed": passed, "about": json.dumps(dict(about or {}))},
    ).one_or_none()
    return _run(row) if row else None


def runs(
    connection: Connection, operation: str | None, *, limit: int, after: Place | None = None
) -> Page[OperationRun]:
    """Runs of the transaction's tenant, newest first; None = of every operation."""
    return newest_first(
        connection, "select * from operation_runs where (cast(:o as text) is null or operation = :o)", {"o": operation},
        time="started_at", limit=limit, after=after, make=_run,
    )  # fmt: skip


def _run(row: Row[Any]) -> OperationRun:
    return OperationRun(**dict(row._mapping) | {"tenant_id": TenantId(row.tenant_id)})
