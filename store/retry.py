"""Trying again when PostgreSQL says that only the timing was bad."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from psycopg import Error
from sqlalchemy.exc import DBAPIError

from spine.errors import Transient

T = TypeVar("T")
_DEADLOCK, _SERIALIZATION = "40P01", "40001"
_ATTEMPTS = 5


def retrying(transaction: Callable[[], T]) -> T:
    """Run a whole transaction, again when it lost a deadlock or a serialization race.

    Raises:
        Transient: it lost five times in a row.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return transaction()
        except (DBAPIError, Error) as error:
            if sqlstate(error) not in (_DEADLOCK, _SERIALIZATION):
                raise
            last = error
        time.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311 - jitter, no secret
    raise Transient(
        f"The transaction lost {_ATTEMPTS} races for locks in a row; nothing was written. Send it again."
    ) from last


def sqlstate(error: DBAPIError | Error) -> str | None:
    """PostgreSQL's code of an error, whether SQLAlchemy wrapped it or not."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return getattr(origin, "sqlstate", None)
