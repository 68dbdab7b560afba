"""LISTEN, for as long as the process lives: a lost connection is made again, and says so."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import psycopg
import structlog
from psycopg import sql
from psycopg.conninfo import make_conninfo

from store.engine import KEEPALIVE
from store.liveness import lock_key

_log = structlog.get_logger(__name__)
_PAUSE_SECONDS = 0.5
_PATIENCE = {"connect_timeout": 5}

CAUGHT_UP = "\x00"
"""Yielded after each connect: something may have been said while nobody listened."""


async def notices(url: str, channel: str, *, holder: UUID | None = None) -> AsyncIterator[str]:
    """What is said on `channel`, for ever; `CAUGHT_UP` first and after every lost connection.

    The connection is also the sign of life of `holder` (store/liveness.py), if one is given.
    """
    while True:
        try:
            where = make_conninfo(url, application_name=f"listen {channel}", **_PATIENCE, **KEEPALIVE)
            async with await psycopg.AsyncConnection.connect(where, autocommit=True) as connection:
                await connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
                if holder is not None:
                    await connection.execute("select pg_advisory_lock(%s)", [lock_key(holder)])
                yield CAUGHT_UP
                async for notice in connection.notifies():
                    yield notice.payload
        except psycopg.Error as error:
            _log.warning("lost the connection to the database", listening_to=channel, error=str(error).strip())
            await asyncio.sleep(_PAUSE_SECONDS)
