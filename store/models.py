"""Ranking models in PostgreSQL: bytes with a signed digest, their card, and which of them is in use.

Promoting and rolling back is told in the audit trail. The store does not know what the bytes are; ml/bundle.py reads
them, and only once `trusted` has found that this installation wrote them.
"""
# ruff: noqa: S608 - only this module's own constants are put into its SQL

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import NO_TENANT, mint
from store import audit

_KEPT = 20
"""So many models are kept, and the one in use: each is a megabyte."""
SPARE = (
    "status <> 'champion' and id is distinct from"
    " (select id from models where status = 'retired' order by promoted_at desc limit 1)"
)
"""SQL: neither the model in use nor the one that a rollback goes back to."""
_SHOWN = "id, number, status, made_at, promoted_at, promoted_by, sha256, mac, card, warned_at"


class ModelStatus(StrEnum):
    """Where a model stands."""

    CHALLENGER = "challenger"
    CHAMPION = "champion"
    """The one in use."""
    RETIRED = "retired"
    """It was in use, and can be again."""
    WITHDRAWN = "withdrawn"
    """It was rolled back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """A model's row, without its bytes."""

    id: UUID
    number: int
    status: ModelStatus
    made_at: datetime
    promoted_at: datetime | None
    promoted_by: str | None
    sha256: str
    mac: str
    card: dict[str, Any]
    warned_at: datetime | None


def put(connection: Connection, body: bytes, card: Mapping[str, Any], *, key: bytes, now: datetime) -> StoredModel:
    """Keep a new model as a challenger, signed with the installation's key. The oldest of very many are forgotten."""
    made, digest, told = mint(), hashlib.sha256(body).hexdigest(), dict(card)
    row = connection.execute(
        text(
            "insert into models(id, status, made_at, body, sha256, mac, card)"
            f" values(:id, 'challenger', :now, :body, :sha256, :mac, cast(:card as jsonb)) returning {_SHOWN}"
        ),
        {
            "id": made, "now": now, "body": body, "sha256": digest, "mac": _mac(key, made, digest, told),
            "card": json.dumps(told),
        },
    ).one()  # fmt: skip
    connection.execute(text(f"delete from models where {SPARE} and number <= :last"), {"last": row.number - _KEPT})
    return _model(row)


def listed(connection: Connection) -> list[StoredModel]:
    """All models, newest first."""
    return [_model(row) for row in connection.execute(text(f"select {_SHOWN} from models order by number desc"))]


def in_use(connection: Connection) -> bool:
    """True when some model is."""
    return bool(connection.execute(text("select exists(select from models where status = 'champion')")).scalar_one())


def champion(connection: Connection) -> StoredModel | None:
    """The model in use, or None: lists have the deterministic order then."""
    row = connection.execute(text(f"select {_SHOWN} from models where status = 'champion'")).one_or_none()
    return _model(row) if row else None


def numbered(connection: Connection, number: int) -> StoredModel:
    """The model of that number.

    Raises:
        Refused: there is none.
    """
    row = connection.execute(text(f"select {_SHOWN} from models where number = :n"), {"n": number}).one_or_none()
    if row is None:
        raise Refused("model.unknown", f"There is no model {number}. `opsspine ml list` shows all.")
    return _model(row)


def trusted(connection: Connection, model: StoredModel, key: bytes) -> bytes:
    """The bytes of a model, once they and its card are found to be as this installation wrote them.

    Raises:
        Refused: they are not; nothing of them may be read.
    """
    body = bytes(connection.execute(text("select body from models where id = :id"), {"id": model.id}).scalar_one())
    digest = hashlib.sha256(body).hexdigest()
    if not hmac.compare_digest(_mac(key, model.id, digest, model.card), model.mac):
        raise Refused(
            "model.digest",
            f"Model {model.number} is not as this installation stored it, or the secret key is another one: its digest "
            "does not fit. It is not used, and lists have the deterministic order. Train a new one with `opsspine ml "
            "train`, or go back with `opsspine ml rollback`.",
        )
    return body


def promote(connection: Connection, model: StoredModel, *, actor: str, now: datetime) -> StoredModel | None:
    """Put a model to use; returns the one it takes the place of. Scores of others are gone with it."""
    before = champion(connection)
    if before is not None and before.id == model.id:
        return before
    _set(connection, before, ModelStatus.RETIRED)
    connection.execute(
        text("update models set status = 'champion', promoted_at = :now, promoted_by = :actor where id = :id"),
        {"id": model.id, "now": now, "actor": actor},
    )
    _changed(connection, before, model, actor, now)
    return before


def rollback(connection: Connection, *, actor: str, now: datetime) -> tuple[StoredModel, StoredModel | None]:
    """Withdraw the model in use, and take the one that was in use before it; None = there was none.

    Raises:
        Refused: no model is in use.
    """
    gone = champion(connection)
    if gone is None:
        raise Refused("model.none", "No model is in use; lists have the deterministic order already.")
    query = f"select {_SHOWN} from models where status = 'retired' order by promoted_at desc limit 1"
    row = connection.execute(text(query)).one_or_none()
    back = _model(row) if row else None
    _set(connection, gone, ModelStatus.WITHDRAWN)
    _set(connection, back, ModelStatus.CHAMPION)
    _changed(connection, gone, back, actor, now)
    return gone, back


def warned(connection: Connection, model: StoredModel, now: datetime) -> bool:
    """Note that a model was found unfit for use; True the first time, so that it is told once."""
    done = connection.execute(
        text("update models set warned_at = :now where id = :id and warned_at is null"), {"id": model.id, "now": now}
    )
    return done.rowcount == 1


def _changed(
    connection: Connection, before: StoredModel | None, after: StoredModel | None, actor: str, now: datetime
) -> None:
    connection.execute(text("delete from incident_scores"))  # ranks of two models cannot be compared
    audit.append(
        connection, NO_TENANT, AuditAction.POLICY_CHANGED, actor=actor, at=now, subject="model:ranking",
        before={"model": before.number if before else None, "sha256": before.sha256 if before else None},
        after={"model": after.number if after else None, "sha256": after.sha256 if after else None},
    )  # fmt: skip


def _set(connection: Connection, model: StoredModel | None, status: ModelStatus) -> None:
    if model is not None:
        connection.execute(
            text("update models set status = :status where id = :id"), {"id": model.id, "status": status.value}
        )


def _mac(key: bytes, model: UUID, digest: str, card: Mapping[str, Any]) -> str:
    """HMAC-SHA256 over what the row says of its bytes, and the card as PostgreSQL gives it back."""
    told = json.dumps(card, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, f"{model}\n{digest}\n{told}".encode(), hashlib.sha256).hexdigest()


def _model(row: Row[Any]) -> StoredModel:
    values = dict(row._mapping)
    return StoredModel(**values | {"status": ModelStatus(row.status)})
