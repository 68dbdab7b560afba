"""What the model in use says of incidents. Written by the `rank` flow, read where lists are shown, and nowhere else."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.ids import IncidentId
from spine.incident import AUTH_KINDS
from spine.score import Reason, Score
from spine.severity import Severity

Waiting = list[tuple[IncidentId, dict[str, Any]]]
"""Incidents with what was known when each opened."""
_COLUMNS = "incident_id, model_number, rank, probability, cause, cause_probability, severity, reasons, scored_at"


def unscored(connection: Connection) -> Waiting:
    """Live incidents without a score, with what was known when each opened; oldest first."""
    rows = connection.execute(
        text(
            "select i.id, o.snapshot from incidents i join incident_openings o on o.incident_id = i.id"
            " left join incident_scores s on s.incident_id = i.id"
            " where i.status <> 'resolved' and s.incident_id is null and i.kind = any(:kinds)"
            " order by i.opened_at, i.id"
        ),
        {"kinds": [kind.value for kind in AUTH_KINDS]},
    )
    return [(IncidentId(row.id), row.snapshot) for row in rows]


def put(connection: Connection, scores: Sequence[Score]) -> None:
    """Keep scores. A lock makes sure that those of a model that was replaced meanwhile are not kept."""
    champion = connection.execute(
        text("select number from models where status = 'champion' for share")
    ).scalar_one_or_none()
    for one in scores:
        if one.model_number == champion:
            connection.execute(
                text(
                    f"insert into incident_scores(tenant_id, {_COLUMNS}) select tenant_id, :incident_id, :model_number,"  # noqa: S608
                    " :rank, :probability, :cause, :cause_probability, :severity, cast(:reasons as jsonb), :scored_at"
                    " from incidents where id = :incident_id on conflict (incident_id) do update"
                    " set model_number = excluded.model_number, rank = excluded.rank,"
                    " probability = excluded.probability, cause = excluded.cause,"
                    " cause_probability = excluded.cause_probability, severity = excluded.severity,"
                    " reasons = excluded.reasons, scored_at = excluded.scored_at"
                ),
                _values(one),
            )


def clear(connection: Connection) -> None:
    """Forget all scores: what gave them is not trusted any more."""
    connection.execute(text("delete from incident_scores"))


def of_incidents(connection: Connection, incidents: Sequence[UUID]) -> Mapping[UUID, Score]:
    """The scores of these incidents, as far as they have one."""
    rows = connection.execute(
        text(f"select {_COLUMNS} from incident_scores where incident_id = any(:ids)"),  # noqa: S608
        {"ids": list(incidents)},
    )
    return {row.incident_id: _score(row) for row in rows}


def _values(one: Score) -> dict[str, object]:
    reasons = [{"feature": r.feature, "value": r.value, "effect": r.effect} for r in one.reasons]
    return {
        "incident_id": one.incident_id, "model_number": one.model_number, "rank": one.rank,
        "probability": one.probability, "cause": one.cause, "cause_probability": one.cause_probability,
        "severity": one.severity.value, "reasons": json.dumps(reasons), "scored_at": one.scored_at,
    }  # fmt: skip


def _score(row: Row[Any]) -> Score:
    return Score(
        incident_id=IncidentId(row.incident_id), model_number=row.model_number, rank=row.rank,
        probability=row.probability, cause=row.cause, cause_probability=row.cause_probability,
        severity=Severity(row.severity), reasons=tuple(Reason(**one) for one in row.reasons), scored_at=row.scored_at,
    )  # fmt: skip
