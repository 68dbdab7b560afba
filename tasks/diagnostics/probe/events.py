"""Reading the tenant's events for a diagnosis: in a thread, as that tenant, and knowing what is missing."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from spine.diagnostic import Question, Receipt
from spine.errors import Transient
from spine.network import canonical
from tasks.diagnostics import Ports

T = TypeVar("T")
SILENCE = timedelta(minutes=5)
"""Events that end this long before the question may be late. Source: RUNBOOKS 0 (watermark older than the window)."""


async def read(ports: Ports, question: Question, look: Callable[[Connection], T]) -> T:
    """What `look` finds in one transaction that sees this tenant only.

    Raises:
        Transient: the database did not answer.
    """

    def inside() -> T:
        with ports.database.tenant(question.tenant_id) as connection:
            return look(connection)

    try:
        return await asyncio.to_thread(inside)
    except (OperationalError, InterfaceError, PoolExhausted) as error:
        name = type(error).__name__
        raise Transient(f"the database does not answer ({name}); see `opsspine status`, then ask again") from error


def suspects(question: Question) -> frozenset[str]:
    """The addresses of the evidence in their one spelling, without what is none."""
    return frozenset(address for address in map(canonical, question.addresses) if address is not None)


def gap(span: tuple[datetime, datetime] | None, question: Question) -> str:
    """Why the window is incomplete, or "" when it is not."""
    if span is None:
        return "the tenant has no events; send them to the gateway"
    if span[1] < question.now - SILENCE:
        return f"events reach only to {span[1]:%H:%M}Z; what came after is unknown, see why the source is late"
    return ""


def receipt(ports: Ports, asked: str, found: object) -> Receipt:
    """The receipt of rows: a hash over how they are written."""
    return Receipt.of(asked, ports.clock.now(), repr(found).encode("utf-8", "surrogatepass"))
