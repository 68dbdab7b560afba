"""Who calls: opaque API keys. The tenant comes from the key and from nowhere else."""

from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Request

from gateway.context import Context, context_of
from gateway.problem import Problem
from store.keys import ApiKey, find_key


class Scope(StrEnum):
    """What a key may do."""

    EVENTS_WRITE = "events:write"
    EVENTS_DRILL = "events:drill"
    """Evidence of drills that run, and nothing else. A drill makes itself such a key, and ends it."""
    FLAGS_READ = "flags:read"
    OPS_READ = "ops:read"


def authenticate(request: Request) -> ApiKey:
    """The key the request carries, as `Authorization: Bearer …` or `X-API-Key: …`.

    Raises:
        Problem: 401; a wrong key is audited.
    """
    secret = _presented(request)
    if secret is None:
        raise _unauthorized("This needs an API key: send `Authorization: Bearer <key>` or `X-API-Key: <key>`.")
    context = context_of(request)
    with context.database.system() as connection:
        key = find_key(connection, secret, now=context.clock.now())
    if key is None:
        _refused(context, request, "key.unknown", f"key-sha256:{_fingerprint(secret)}")
        raise _unauthorized("This API key is unknown or was revoked. Make one with `opsspine keys add`.")
    return key


def require(*scopes: Scope) -> Callable[..., ApiKey]:
    """A dependency: the caller's key, which must have one of `scopes`.

    Raises:
        Problem: 401 or 403.
    """

    def caller(request: Request, key: Annotated[ApiKey, Depends(authenticate)]) -> ApiKey:
        if set(scopes).isdisjoint(key.scopes):
            _refused(context_of(request), request, "key.scope", f"key:{key.name}", key)
            wanted = " or ".join(repr(scope.value) for scope in scopes)
            raise Problem(403, "key.scope", f"The key {key.name!r} lacks the scope {wanted}.")
        return key

    return caller


def _presented(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("x-api-key") or None


def _refused(context: Context, request: Request, reason: str, actor: str, key: ApiKey | None = None) -> None:
    where = {"tenant": key.tenant_id} if key else {}
    context.refusals.record(
        reason,
        now=context.clock.now(),
        actor=actor,
        subject=f"{request.method} {request.url.path}",
        detail={"address": request.client.host if request.client else None},
        **where,
    )


def _fingerprint(secret: str) -> str:
    """Enough to see that two wrong keys are one, not enough to be one."""
    return sha256(secret.encode()).hexdigest()[:12]


def _unauthorized(detail: str) -> Problem:
    return Problem(401, "key.missing_or_wrong", detail, headers={"WWW-Authenticate": "Bearer"})
