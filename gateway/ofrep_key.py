"""Who reads flags: an API key in a header, or the token of one in the address of a stream."""

import time
from dataclasses import dataclass
from datetime import timedelta

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.auth import Scope, authenticate, granted, presented, require
from gateway.context import context_of
from gateway.problem import Problem
from store.flag_stream_key import find, token_of
from store.keys import ApiKey

_MOST_KEYS = 1_000
_AWAY = (OperationalError, InterfaceError, PoolTimeout)


@dataclass(frozen=True, slots=True)
class _Known:
    key: ApiKey
    token: str
    at: float


class Keys:
    """Keys that were good a moment ago are not looked up again; while PostgreSQL does not answer, longer."""

    def __init__(self, check_seconds: float, outage: timedelta) -> None:
        self._check_seconds, self._outage = check_seconds, outage.total_seconds()
        self._check = require(Scope.FLAGS_READ)
        self._known: dict[tuple[bytes | None, bytes | None], _Known] = {}

    async def caller(self, request: Request) -> tuple[ApiKey, str]:
        """The request's key, and the token that opens its stream.

        Raises:
            Problem: 401 or 403.
        """
        shown: list[bytes | None] = [None, None]
        for name, value in request.scope["headers"]:
            if name == b"authorization":
                shown[0] = value
            elif name == b"x-api-key":
                shown[1] = value
        known = self._known.get((shown[0], shown[1]))
        now = time.monotonic()
        if known is not None and now - known.at < self._check_seconds:
            return known.key, known.token
        try:
            key = await run_in_threadpool(self._ask, request)
        except _AWAY:
            if known is None or now - known.at > self._outage:
                raise
            return known.key, known.token
        except Problem:
            self._known.pop((shown[0], shown[1]), None)
            raise
        if len(self._known) >= _MOST_KEYS:
            self._known.clear()
        found = self._known[shown[0], shown[1]] = _Known(key, token_of(key.id, presented(request) or ""), now)
        return found.key, found.token

    async def listener(self, request: Request, token: str | None) -> ApiKey:
        """Whose stream is asked for: by the token in its address, else by a key in a header.

        Raises:
            Problem: 401 or 403.
        """
        if token is None:
            return (await self.caller(request))[0]
        key = await run_in_threadpool(_by_token, request, token)
        if key is None or Scope.FLAGS_READ not in granted(key.scopes):
            detail = "This stream's address is not valid any more. Evaluate the flags again: the answer has a new one."
            raise Problem(401, "stream.token", detail)
        return key

    def _ask(self, request: Request) -> ApiKey:
        return self._check(request, authenticate(request))


def _by_token(request: Request, token: str) -> ApiKey | None:
    with context_of(request).database.system() as connection:
        return find(connection, token)
