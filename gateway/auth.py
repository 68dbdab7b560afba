"""Who calls: opaque API keys. The tenant comes from the key and from nowhere else."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Request

from gateway.context import Context, context_of
from gateway.problem import Problem
from spine.ids import TenantId
from store.keys import ApiKey, find_key


class Scope(StrEnum):
    """What a caller may do."""

    EVENTS_WRITE = "events:write"
    EVENTS_DRILL = "events:drill"
    """Evidence of drills that run, and nothing else. A drill makes itself such a key, and ends it."""
    INCIDENTS_READ = "incidents:read"
    INCIDENTS_WRITE = "incidents:write"
    """Acknowledge, note, cancel."""
    APPROVALS_READ = "approvals:read"
    APPROVALS_DECIDE = "approvals:decide"
    """Say yes or no. Of people alone: no key has it, whatever is written on it."""
    ACTIONS_WRITE = "actions:write"
    """Ask for mitigations by hand; policy and approvals still hold."""
    FLAGS_READ = "flags:read"
    FLAGS_WRITE = "flags:write"
    AUDIT_READ = "audit:read"
    SUPPRESSIONS_READ = "suppressions:read"
    SUPPRESSIONS_WRITE = "suppressions:write"
    PEOPLE_READ = "people:read"
    PEOPLE_WRITE = "people:write"
    KEYS_WRITE = "keys:write"
    ONCALL_READ = "oncall:read"
    ONCALL_WRITE = "oncall:write"
    ALERTS_WRITE = "alerts:write"
    """Tell of alerts: an Alertmanager's key."""
    METRICS_READ = "metrics:read"
    HEALTH_READ = "health:read"
    OPS_READ = "ops:read"
    """Every scope that reads."""


READS = frozenset(scope for scope in Scope if scope.value.endswith(":read"))
_BY_NAME = {scope.value: scope for scope in Scope}
OF_ADMINS = frozenset({Scope.PEOPLE_WRITE, Scope.KEYS_WRITE})
"""Power over who may what."""
OF_PEOPLE = frozenset({Scope.APPROVALS_DECIDE})
"""What no key can be given."""


def granted(written: Iterable[str]) -> frozenset[Scope]:
    """The scopes a key has by what is written on it; what this version does not know counts for nothing."""
    known = {_BY_NAME[one] for one in written if one in _BY_NAME} - OF_PEOPLE
    return frozenset(known | READS) if Scope.OPS_READ in known else frozenset(known)


def authenticate(request: Request) -> ApiKey:
    """The key the request carries, as `Authorization: Bearer …` or `X-API-Key: …`.

    Raises:
        Problem: 401; a wrong key is audited.
    """
    secret = presented(request)
    if secret is None:
        raise unauthorized("This needs an API key: send `Authorization: Bearer <key>` or `X-API-Key: <key>`.")
    context = context_of(request)
    with context.database.system() as connection:
        key = find_key(connection, secret, now=context.clock.now())
    if key is None:
        refused(context, request, "key.unknown", f"key-sha256:{_fingerprint(secret)}")
        raise unauthorized("This API key is unknown or was revoked. Make one with `opsspine keys add`.")
    return key


def require(*scopes: Scope) -> Callable[..., ApiKey]:
    """A dependency: the caller's key, which must have one of `scopes`.

    Raises:
        Problem: 401 or 403.
    """

    def caller(request: Request, key: Annotated[ApiKey, Depends(authenticate)]) -> ApiKey:
        if granted(key.scopes).isdisjoint(scopes):
            refused(context_of(request), request, "key.scope", f"key:{key.name}", key.tenant_id)
            wanted = " or ".join(repr(scope.value) for scope in scopes)
            raise Problem(403, "key.scope", f"The key {key.name!r} lacks the scope {wanted}.")
        return key

    return caller


def presented(request: Request) -> str | None:
    """The secret in the headers: a key or a bearer token; None = there is neither."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("x-api-key") or None


def refused(context: Context, request: Request, reason: str, actor: str, tenant: TenantId | None = None) -> None:
    """Put a refusal on record, in the trail of `tenant` where the caller has one."""
    where = {"tenant": tenant} if tenant else {}
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


def unauthorized(detail: str) -> Problem:
    """The answer to credentials that are missing or wrong."""
    return Problem(401, "key.missing_or_wrong", detail, headers={"WWW-Authenticate": "Bearer"})
