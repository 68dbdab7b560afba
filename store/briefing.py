"""What a notification is about, as it stands at delivery."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from spine.ids import ApprovalId, DecisionId, IncidentId
from spine.plan import Decision
from spine.severity import Severity
from store import approvals


def decision(connection: Connection, decision_id: DecisionId) -> Decision | None:
    """The frozen decision with this id."""
    return _decision(connection, "where id = :id", decision_id)


def latest_decision(connection: Connection, incident: IncidentId) -> Decision | None:
    """The newest decision on an incident."""
    return _decision(connection, "where incident_id = :id order by seq desc limit 1", incident)


def prompt_is_coming(connection: Connection, approval: ApprovalId, channel: str, target: str = "") -> bool:
    """True while the question itself is still to be posted at `target` of `channel`."""
    return bool(
        connection.execute(
            text(
                "select exists(select from outbox where topic = 'approval.requested' and channel = :channel"
                " and target = :target and status = 'pending' and payload ->> 'approval' = :id)"
            ),
            {"channel": channel, "target": target, "id": str(approval)},
        ).scalar_one()
    )


def asked_at(connection: Connection, approval: ApprovalId, channel: str, target: str) -> dict[str, Any] | None:
    """The receipt of the question, as it stands at `target` of `channel`; None = it was not posted there."""
    found: dict[str, Any] | None = connection.execute(
        text(
            "select receipt from outbox where topic like 'approval.%' and channel = :channel and target = :target"
            " and status = 'sent' and payload ->> 'approval' = :id order by sent_at desc limit 1"
        ),
        {"channel": channel, "target": target, "id": str(approval)},
    ).scalar_one_or_none()
    return found


def keep_prompt(connection: Connection, approval: ApprovalId, receipt: str) -> None:
    """Note where the question was posted (`receipt`, JSON), so that its answer can be shown there."""
    connection.execute(
        text("update approvals set prompt = cast(:receipt as jsonb) where id = :id"),
        {"id": approval, "receipt": receipt},
    )


def votes(connection: Connection, approval: ApprovalId) -> int:
    """How many votes were given."""
    return len(approvals.ballots(connection, approval))


def folded(connection: Connection, digest: UUID, limit: int) -> tuple[list[tuple[Severity, str, str, str]], int]:
    """Severity, tenant, topic and title of what `digest` stands for, worst first; and how many there are."""
    rows = connection.execute(
        text(
            "select o.severity, o.tenant_id, o.topic, coalesce(i.title, '') as title, count(*) over () as total"
            " from outbox o left join incidents i on i.id = o.incident_id where o.folded_into = :id"
            " order by o.severity desc, o.created_at, o.id limit :limit"
        ),
        {"id": digest, "limit": limit},
    ).all()
    return [(Severity(r.severity), r.tenant_id, r.topic, r.title) for r in rows], rows[0].total if rows else 0


def _decision(connection: Connection, where: str, key: UUID) -> Decision | None:
    row = connection.execute(
        text(f"select body::text as body from decisions {where}"),  # noqa: S608 - our own words
        {"id": key},
    ).one_or_none()
    return Decision.model_validate_json(row.body) if row else None
