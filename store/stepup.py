"""Step-up: a fresh second factor, checked against PostgreSQL so that no code works twice on any machine."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, text

from spine import totp
from spine.errors import Broken
from spine.ids import PersonId
from spine.settings import ApprovalSettings, Settings
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
    row = connection.execute(
        text("select totp_secret, totp_last_step from people where id = :id for update"), {"id": person}
    ).one()
    if row.totp_secret is None:
        return StepUp.NOT_ENROLLED
    if _failures(connection, person, now, settings.approval) >= settings.approval.stepup_attempts:
        return StepUp.LOCKED
    try:
        secret = Vault.of(settings).open(bytes(row.totp_secret), str(person)).decode()
    except Broken:
        return StepUp.UNAVAILABLE
    step = totp.accepted_step(secret, code, at=now, last_step=row.totp_last_step)
    connection.execute(
        text("insert into stepup_attempts(person_id, at, ok) values(:id, :now, :ok)"),
        {"id": person, "now": now, "ok": step is not None},
    )
    if step is None:
        return StepUp.REFUSED
    connection.execute(text("update people set totp_last_step = :step where id = :id"), {"step": step, "id": person})
    return StepUp.ACCEPTED


def _failures(connection: Connection, person: PersonId, now: datetime, settings: ApprovalSettings) -> int:
    since = now - timedelta(minutes=settings.stepup_window_minutes)
    query = "select count(*) from stepup_attempts where person_id = :id and not ok and at > :since"
    return int(connection.execute(text(query), {"id": person, "since": since}).scalar_one())
