"""Settings of identity providers: where their admin APIs are, what opens them, and who must never be shut out."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from spine.ids import NO_TENANT

Kind = Literal["keycloak", "auth0", "okta", "webhook"]
_REALM = re.compile(r"[A-Za-z0-9_.~ -]{1,255}")


class IdentityProviderSettings(BaseModel):
    """One identity provider."""

    kind: Kind
    """Whose admin API it has; webhook = the application itself, by signed webhooks."""
    url: str
    """Keycloak: base URL; Auth0: the tenant's own domain, not a custom one; Okta: the org's URL, not the admin
    console's; webhook: the URL that takes the requests. HTTPS, except on loopback."""
    realm: str = ""
    """Keycloak: the realm of the users."""
    client_id: str = ""
    """Keycloak and Auth0: the client (machine to machine) whose secret follows."""
    client_secret: SecretStr | None = None
    """Keycloak and Auth0."""
    token: SecretStr | None = None
    """Okta: an API token."""
    secret: SecretStr | None = None
    """Webhook: `whsec_` + base64, as `standardwebhooks` wants it."""
    connection: str = "Username-Password-Authentication"
    """Auth0: the database connection whose passwords can be reset."""
    users_are: Literal["id", "username", "email"] = "id"
    """What `user_id` of the application's events is at the provider."""
    admin_roles: list[str] = []
    """Roles that make an administrator. Keycloak: "admin" of the realm, or "client/role"; Auth0: names of roles; Okta:
    types, as "SUPER_ADMIN". Empty = unknown, and nobody is locked and no role revoked."""

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
            raise ValueError("a provider's URL is https://host/path, without user, query or fragment")
        if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(parts.hostname)):
            raise ValueError("a provider's URL is https, except on loopback")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {
            "keycloak": ("realm", "client_id", "client_secret"),
            "auth0": ("client_id", "client_secret"),
            "okta": ("token",),
            "webhook": ("secret",),
        }[self.kind]
        missing = [name for name in needed if not getattr(self, name)]
        if missing:
            raise ValueError(f"a provider of kind {self.kind} needs {', '.join(missing)}, too")
        if self.kind == "keycloak" and not _REALM.fullmatch(self.realm):
            raise ValueError("that is no name of a realm")
        return self


class IdentitySettings(BaseModel):
    """Identity providers, and the limits of what is done there."""

    providers: dict[str, IdentityProviderSettings] = {}
    """By a name of your own, as {"main": {"kind": "okta", "url": "https://example.okta.com", "token": "…"}}; or a
    variable for each value, as `OPSSPINE_IDENTITY__PROVIDERS__MAIN__TOKEN`, but not both."""
    default: str = "main"
    """The provider of every tenant that has none of its own."""
    tenants: dict[str, str] = {}
    """Providers of single tenants, as {"shop": "shop-realm"}; "" = none for this tenant."""
    break_glass_users: list[str] | None = None
    """Emergency accounts, by `user_id`: never locked, and they keep their roles. Unset = unknown, and both actions are
    refused; [] = there are none."""
    operator_users: list[str] = []
    """Accounts of those who run the response, by `user_id` or e-mail: never signed out by `session.revoke_user`. The
    people of `opsspine people` are among them already."""
    access_token_minutes: float = Field(default=60, gt=0, le=1440)
    """How long an access token lives at most: so long `auth.session.notBefore` is held after a revocation."""
    honours_not_before: bool = False
    """True when the application refuses sessions from before `auth.session.notBefore`. Where the provider cannot end
    all sessions at once, `session.revoke_scope` rests on it alone."""
    logins_per_minute: float | None = Field(default=None, gt=0)
    """What the login system withstands; unset = unknown, and `session.revoke_scope` is refused."""
    timeout_seconds: float = Field(default=10, gt=0, le=30)
    """For one call."""
    round_seconds: float = Field(default=60, gt=0, le=300)
    """For one round of calls; what is not done by then goes on in the next round. Judgement."""
    give_up_minutes: float = Field(default=60, gt=0)
    """How long rounds go on while the provider asks for patience. Judgement."""
    max_body_bytes: int = Field(default=4 * 1024 * 1024, gt=0)
    """A longer answer is refused."""
    ca_file: Path | None = None
    """Certificates (PEM) trusted beside the system's."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        unknown = sorted({name for name in self.tenants.values() if name} - set(self.providers))
        if unknown:
            raise ValueError(f"tenants name providers that are not configured: {', '.join(unknown)}")
        return self

    def name_for(self, tenant: str) -> str:
        """The name of the tenant's provider; "" = it has none."""
        name = self.tenants.get(tenant, self.default)
        return name if name in self.providers else ""

    def elsewhere(self, tenant: str) -> tuple[str, ...]:
        """Whose sessions an action of the tenant means that are not at its provider; only `_` means other tenants."""
        if tenant != NO_TENANT:
            return ()
        here = self.name_for(tenant)
        others = sorted(other for other in self.tenants if other != tenant and self.name_for(other) != here)
        rest = () if self.tenants.get(tenant, self.default) == self.default else ("tenants without one of their own",)
        return (*others, *rest)

    def own(self, tenant: str) -> bool:
        """True when no other tenant shares the tenant's provider."""
        name = self.tenants.get(tenant, "")
        return bool(name) and name != self.default and list(self.tenants.values()).count(name) == 1


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
