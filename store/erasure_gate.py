"""Two people agree to an erasure, each with a fresh second factor: it cannot be taken back."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import NO_TENANT, TenantId
from spine.person import Person, PersonRef, Role
from spine.settings import Settings
from store import audit, people
from store.engine import Database
from store.stepup import StepUp, step_up

_NEEDED = 2


def agreed(
    database: Database, tenant: TenantId | None, words: Sequence[tuple[str, str]], *, now: datetime, settings: Settings
) -> list[str]:
    """Who agreed, as the audit trail names them. `words` are addresses, each with a code of their authenticator.

    Raises:
        Refused: they are not two security admins, or a code is not accepted; the attempt is counted and audited.
    """
    if len({email.strip().lower() for email, _ in words}) < _NEEDED:
        raise Refused("erase.two", "An erasure takes the word of two different people. Nothing was erased.")
    with database.system() as connection:
        judged = [_judged(connection, tenant, email, code, now, settings) for email, code in words]
        problem = next((why for _, why in judged if why), None)
        if problem:
            audit.append(
                connection, tenant or NO_TENANT, AuditAction.ACTION_DENIED, actor=_names(judged), at=now,
                subject="erasure", outcome="refused", detail={"because": problem},
            )  # fmt: skip
    if problem:
        raise Refused("erase.gate", f"{problem} Nothing was erased.")
    return [f"person:{person.email}" for person, _ in judged if person]


def _judged(
    connection: Connection, tenant: TenantId | None, email: str, code: str, now: datetime, settings: Settings
) -> tuple[Person | None, str | None]:
    """The person, and why they do not count."""
    person = people.find(connection, PersonRef.by_email(email))
    held = frozenset[Role]() if person is None else person.roles_in(tenant or NO_TENANT)
    if person is None or person.drill or Role.SECURITY_ADMIN not in held:
        return person, "One of them is no security admin here; `opsspine people list` shows who is."
    result = step_up(connection, person.id, code, now=now, settings=settings)
    if result is StepUp.ACCEPTED:
        return person, None
    return person, f"A code was not accepted ({result.value}); wait for a new one."


def _names(judged: Sequence[tuple[Person | None, str | None]]) -> str:
    return ", ".join(f"person:{person.email}" for person, _ in judged if person) or "nobody known"
