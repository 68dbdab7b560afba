"""Decisions: frozen rows, numbered per incident; a newer one supersedes the older."""

from uuid import UUID

from sqlalchemy import Connection, text

from spine.decision.plan_hash import of_decision
from spine.errors import Broken
from spine.plan import Decision


def save(connection: Connection, decision: Decision) -> int:
    """Freeze `decision` and supersede the incident's older ones; returns its number in the incident.

    Saving the same decision again changes nothing. The incident's row is locked, so that two runs number one
    after the other.
    """
    connection.execute(text("select 1 from incidents where id = :i for no key update"), {"i": decision.incident_id})
    known = connection.execute(
        text("select seq from decisions where id = :id"), {"id": decision.decision_id}
    ).scalar_one_or_none()
    if known is not None:
        return int(known)
    connection.execute(
        text("update decisions set superseded_at = :now where incident_id = :incident and superseded_at is null"),
        {"now": decision.created_at, "incident": decision.incident_id},
    )
    seq: int = connection.execute(
        text(
            "insert into decisions(id, tenant_id, incident_id, seq, plan_hash, verb, body, created_at, expires_at)"
            " select :id, :tenant, :incident, coalesce(max(seq), 0) + 1, :hash, :verb, cast(:body as jsonb), :created,"
            " :expires from decisions where incident_id = :incident returning seq"
        ),
        {
            "id": decision.decision_id, "tenant": decision.tenant, "incident": decision.incident_id,
            "hash": decision.plan_hash, "verb": decision.decision.value,
            "body": decision.model_dump_json(by_alias=True), "created": decision.created_at,
            "expires": decision.expires_at,
        },
    ).scalar_one()  # fmt: skip
    return seq


def current(connection: Connection, incident_id: UUID) -> Decision | None:
    """The incident's newest decision, or None when nothing was decided yet."""
    return _load(
        connection,
        "where incident_id = :id and superseded_at is null order by seq desc limit 1",
        incident_id,
    )


def acting(connection: Connection, incident_id: UUID) -> int:
    """How many decisions to act were made on the incident, the current one included."""
    found: int = connection.execute(
        text("select count(*) from decisions where incident_id = :id and verb in ('MITIGATE', 'CONTAIN')"),
        {"id": incident_id},
    ).scalar_one()
    return found


def get(connection: Connection, decision_id: UUID) -> Decision | None:
    """One decision, superseded or not; None = there is no such row, or it belongs to another tenant."""
    return _load(connection, "where id = :id", decision_id)


def _load(connection: Connection, where: str, key: UUID) -> Decision | None:
    row = connection.execute(text(f"select body, plan_hash from decisions {where}"), {"id": key}).one_or_none()  # noqa: S608 - two fixed texts
    if row is None:
        return None
    decision = Decision.model_validate(row.body)
    if not decision.plan_hash == row.plan_hash == of_decision(decision):
        raise Broken(
            f"decision {decision.decision_id} is not the one that was frozen: its plan hash differs. Somebody changed "
            "the row; nothing of it runs. Compare it with the audit trail (decision.created)."
        )
    return decision
