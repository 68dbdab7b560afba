"""The items of the launch checklist: one file each, with its `CHECK`. Found by name.

An item really does what it tells of. It answers as diagnostics do, in checks and receipts; what it could not see is
UNKNOWN, with the reason and what to do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from spine.clock import Clock
from spine.diagnostic import Answer, Check, Question, Receipt, State, Value
from spine.errors import Transient
from spine.ids import TenantId
from spine.launch import Item
from spine.settings import Settings
from store.engine import Database
from tasks import diagnostics
from tasks.diagnostics.probe.guard import Guard

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What items reach the world with, and for whom they look."""

    settings: Settings
    clock: Clock
    guard: Guard
    database: Database
    tenant: TenantId

    @classmethod
    def of(cls, settings: Settings, clock: Clock, database: Database, tenant: TenantId) -> "Ports":
        """Ports within the rules of `settings`."""
        guard = Guard(settings.probe, clock)
        return cls(settings=settings, clock=clock, guard=guard, database=database, tenant=tenant)

    async def diagnosed(self, key: str) -> Answer:
        """What a diagnostic of the runbooks says, asked now and for this tenant."""
        now = self.clock.now()
        question = Question(tenant_id=self.tenant, now=now, since=now)
        own = diagnostics.Ports(self.settings, self.clock, self.guard, self.database)
        return await diagnostics.ask(key, question, own)

    async def read(self, look: Callable[[Connection], T]) -> T:
        """What `look` finds in one transaction across tenants.

        Raises:
            Transient: the database did not answer.
        """

        def inside() -> T:
            with self.database.system() as connection:
                return look(connection)

        try:
            return await asyncio.to_thread(inside)
        except (OperationalError, InterfaceError, PoolExhausted) as error:
            name = type(error).__name__
            raise Transient(
                f"the database does not answer ({name}); see `opsspine status`, then check again"
            ) from error

    def receipt(self, asked: str, found: object) -> Receipt:
        """The receipt of rows: a hash over how they are written."""
        return Receipt.of(asked, self.clock.now(), repr(found).encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchCheck:
    """An item of the checklist, and what does it."""

    item: Item
    run: Callable[[Ports], Awaitable[Answer]]
    """Raises Refused or Transient when nothing at all could be looked at: that is UNKNOWN."""
    looks_at: str
    """One sentence for the manual."""


@cache
def launch_checks() -> dict[str, LaunchCheck]:
    """Every item by its key, which is its file's name."""
    found: list[LaunchCheck] = [
        import_module(f"{__name__}.{module.name}").CHECK
        for module in sorted(iter_modules(__path__), key=lambda one: one.name)
        if not module.name.startswith("_")
    ]
    return {one.item.key: one for one in found}


def together(key: str, *answers: Answer) -> Answer:
    """Several answers as one: all of their checks, all of their receipts."""
    return Answer(key, tuple(c for a in answers for c in a.checks), tuple(r for a in answers for r in a.receipts))


def unset(name: str, *variables: str) -> Check:
    """UNKNOWN, for nobody has said where to look."""
    named = ", ".join(f"OPSSPINE_LAUNCH__{one}" for one in variables)
    return Check(name, State.UNKNOWN, f"nothing is configured to look at; set {named}")


def fresh(name: str, what: str, at: datetime | None, now: datetime, days: float, do: str) -> Check:
    """OK when `what` happened within `days`; else BAD, for it was to be rehearsed and was not."""
    if at is None:
        return Check(name, State.BAD, f"{what} never happened here; {do}")
    age = (now - at).total_seconds() / 86_400
    seen: dict[str, Value] = {"at": at.isoformat(), "days_ago": round(age, 1)}
    if age > days:
        return Check(name, State.BAD, f"{what} was {age:.0f} days ago, more than {days:g}; {do}", seen)
    return Check(name, State.OK, f"{what} was at {at:%Y-%m-%d %H:%M} UTC", seen)
