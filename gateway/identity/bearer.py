"""Tokens of the identity provider that people's programs carry, for `Authorization: Bearer`."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import Request

from gateway.auth import refused, unauthorized
from gateway.context import context_of
from gateway.identity.directory import person_of, provider_of
from gateway.identity.oidc import Untrusted, second_factor_at
from spine.ids import TenantId
from spine.person import Person
from store import sessions


@dataclass(frozen=True, slots=True)
class Bearer:
    """A person by their token."""

    person: Person
    tenant: TenantId
    stepped_up_at: datetime | None


def looks_like_a_token(secret: str) -> bool:
    """True for what has the form of a signed token; our own keys never have."""
    return secret.startswith("ey") and secret.count(".") == 2


def bearer_of(request: Request, token: str) -> Bearer:
    """Who shows `token`.

    Raises:
        Problem: 401, it does not hold (which of its flaws is for the record); 503, the provider does not answer.
    """
    context = context_of(request)
    settings, now = context.settings.signin.oidc, context.clock.now()
    try:
        if settings.issuer is None or settings.audience is None:
            raise Untrusted("tokens are not taken here")
        claims = provider_of(request).claims(token, audience=settings.audience, now=now)
        with context.database.system() as connection:
            person = person_of(request, connection, claims, settings.issuer)
            tenant = _tenant(claims.get(settings.tenant_claim), person, sessions.tenants_of(connection, person))
    except Untrusted as error:
        refused(context, request, f"oidc: {error}"[:200], "oidc")
        detail = "This token is not valid here. Get a new one from the identity provider, for this API's audience."
        raise unauthorized(detail) from error
    return Bearer(person, tenant, second_factor_at(claims, settings))


def _tenant(claimed: object, person: Person, known: list[TenantId]) -> TenantId:
    if claimed is None:
        return sessions.first_tenant(person)
    if claimed not in known:
        raise Untrusted("the person has no role in the tenant it names")
    return TenantId(str(claimed))
