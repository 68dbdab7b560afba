"""Which identity provider a tenant has, ready for one round of calls."""

from collections.abc import Iterator
from contextlib import contextmanager

from spine.clock import SystemClock
from spine.errors import Broken
from spine.ids import TenantId
from spine.settings import Settings
from spine.settings.identity import IdentityProviderSettings
from tasks.identity.api import Api
from tasks.identity.auth0 import Auth0
from tasks.identity.keycloak import Keycloak
from tasks.identity.okta import Okta
from tasks.identity.port import IdentityProvider
from tasks.identity.webhook import WebhookProvider

_TITLES = {"keycloak": "Keycloak", "auth0": "Auth0", "okta": "Okta", "webhook": "the application"}


def missing(settings: Settings, tenant: TenantId) -> str:
    """Why the tenant has no provider to act on, and what to configure; "" = it has one."""
    if settings.env == "dev":
        return "in dev no identity provider is touched; set OPSSPINE_ENV=staging to try one"
    if not settings.identity.name_for(tenant):
        return (
            f"no identity provider is configured for {tenant}; describe one in OPSSPINE_IDENTITY__PROVIDERS, "
            "and name it in OPSSPINE_IDENTITY__TENANTS unless it is called main"
        )
    return ""


def title(settings: Settings, tenant: TenantId) -> str:
    """What the tenant's provider is and where."""
    known = settings.identity.providers[settings.identity.name_for(tenant)]
    return f"{_TITLES[known.kind]} at {known.url}" + (f" (realm {known.realm})" if known.realm else "")


@contextmanager
def opened(settings: Settings, tenant: TenantId, *, key: str, rounds: int = 1) -> Iterator[IdentityProvider]:
    """The tenant's provider for one round of calls, or some. `key` makes a repeated write of a lease the same one.

    Raises:
        Broken: there is none.
    """
    if why := missing(settings, tenant):
        raise Broken(why)
    name = settings.identity.name_for(tenant)
    known = settings.identity.providers[name]
    api = Api(
        title=title(settings, tenant),
        base=known.url,
        rounds=rounds,
        limits=settings.identity,
        # signatures and rate limits are judged by clocks of others, so not even a drill's clock counts here
        clock=SystemClock(),
        credential=f"OPSSPINE_IDENTITY__PROVIDERS, {name!r}",
    )
    try:
        yield _provider(known, api, tenant, key)
    finally:
        api.close()


def _provider(known: IdentityProviderSettings, api: Api, tenant: TenantId, key: str) -> IdentityProvider:
    if known.kind == "keycloak":
        return Keycloak(known, api)
    if known.kind == "auth0":
        return Auth0(known, api)
    if known.kind == "okta":
        return Okta(known, api)
    return WebhookProvider(known, api, tenant=tenant, key=key)
