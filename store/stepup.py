"""Step-up: a fresh second factor, checked against PostgreSQL so that no code works twice on any machine."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, text

from spine import totp
from spine.errors import Broken
from spine.ids import PersonId
from spine.settings import ApprovalSettings, Settings
from store import recovery
from store.secrets import Vault


class StepUp(StrEnum):
    """What came of it; everything but ACCEPTED is a no."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Wrong, expired or used before: which of them is not told."""
    LOCKED = "locked"
    """Too many wrong codes: not even looked at."""
    NOT_ENROLLED = "not enrolled"
    UNAVAILABLE = "unavailable"
    """It cannot be checked now (the vault does not open): nobody passes."""


def step_up(connection: Connection, person: PersonId, code: str, *, now: datetime, settings: Settings) -> StepUp:
    """Check `code` and use it up. The attempt is part of the caller's transaction: commit it also on a no.

    The person's row is locked to the end of the transaction, so attempts of one person count one by one.
    """
    row = _locked_row(connection, person)
    if row.totp_secret is None:
        return StepUp.NOT_ENROLLED
    if _failures(connection, person, now, settings.approval) >= settings.approval.stepup_attempts:
        return StepUp.LOCKED
    try:
        secret = Vault.of(settings).open(bytes(row.totp_secret), str(person)).decode()
    except Broken:
        return StepUp.UNAVAILABLE
    step = totp.accepted_step(secret, code, at=now, last_step=row.totp_last_step)
    _note(connection, person, now, step is not None)
    if step is None:
        return StepUp.REFUSED
    connection.execute(text("update people set totp_last_step = :step where id = :id"), {"step": step, "id": person})
    return StepUp.ACCEPTED


def recover(connection: Connection, person: PersonId, code: str, *, now: datetime, settings: Settings) -> StepUp:
    """Check a recovery code instead, and use it up; wrong ones count like wrong codes of an authenticator."""
    _locked_row(connection, person)
    if _failures(connection, person, now, settings.approval) >= settings.approval.stepup_attempts:
        return StepUp.LOCKED
    number = recovery.accepted(connection, person, code)
    _note(connection, person, now, number is not None)
    if number is None:
        return StepUp.REFUSED
    recovery.use(connection, person, number, now=now)
    return StepUp.ACCEPTED


def never_used(connection: Connection, person: PersonId) -> bool:
    """True when the person has never shown a second factor here: what they have of it may still be on paper."""
    query = text(
        "select totp_last_step < 0 and not exists (select from passkeys where person_id = p.id) from people p"
        " where p.id = :id"
    )
    return bool(connection.execute(query, {"id": person}).scalar_one())


def _locked_row(connection: Connection, person: PersonId) -> Row[Any]:
    query = text("select totp_secret, totp_last_step from people where id = :id for update")
    return connection.execute(query, {"id": person}).one()


def _note(connection: Connection, person: PersonId, now: datetime, ok: bool) -> None:
    query = text("insert into stepup_attempts(person_id, at, ok) values(:id, :now, :ok)")
    connection.execute(query, {"id": person, "now": now, "ok": ok})


def _failures(connection: Connection, person: PersonId, now: datetime, settings: ApprovalSettings) -> int:
    since = now - timedelta(minutes=settings.stepup_window_minutes)
    query = "select count(*) from stepup_attempts where person_id = :id and not ok and at > :since"
    return int(connection.execute(text(query), {"id": person, "since": since}).scalar_one())
