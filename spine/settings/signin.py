"""Settings of sign-in, sessions, second factors and rates."""

from pydantic import BaseModel, Field, SecretStr


class OidcSettings(BaseModel):
    """The organisation's identity provider: unset issuer = off."""

    issuer: str | None = None
    """As its tokens name it; its discovery document lies below it. `https`, but for this machine."""
    client_id: str = ""
    client_secret: SecretStr | None = None
    """Unset = a public client: PKCE alone."""
    name: str = "single sign-on"
    """What the button says: "Sign in with <name>"."""
    audience: str | None = None
    """What bearer tokens for the API must be for; unset = such tokens are refused."""
    algorithms: list[str] = ["RS256", "PS256", "ES256", "EdDSA"]
    """What tokens may be signed with. Shared secrets (HS…) and `none` are never accepted."""
    tenant_claim: str = ""
    """The claim of a bearer token that names the tenant to act in; "" = the person's first one."""
    mfa_values: list[str] = [
        "mfa",
        "urn:ops:acr:mfa",
        "http://schemas.openid.net/pape/policies/2007/06/multi-factor",
    ]
    """What `acr` or `amr` say when a second factor was shown there. Source: RFC 8176, where `mfa` alone says so: `hwk`
    and `swk` are kinds of key, which may have been the only factor; add them if your provider asks for two."""
    keys_minutes: float = Field(default=15, gt=0)
    """How long its keys are believed; an unknown key id asks for them again, at most every `keys_pause_seconds`."""
    keys_pause_seconds: float = Field(default=10, ge=0)
    timeout_seconds: float = Field(default=5, gt=0)
    skew_seconds: int = Field(default=60, ge=0)
    """How far its clock may differ from ours."""


class RateSettings(BaseModel):
    """So many at once, then so many in a time. Counted in PostgreSQL, so for all processes together."""

    signin_burst: int = Field(default=20, ge=1)
    """Tries to sign in from one address …"""
    signin_per_minute: float = Field(default=6, gt=0)
    account_burst: int = Field(default=4, ge=1)
    """… and from there for one e-mail address, known or not."""
    account_per_minute: float = Field(default=0.4, gt=0)
    stepup_burst: int = Field(default=10, ge=1)
    """Second factors shown by one person."""
    stepup_per_minute: float = Field(default=4, gt=0)
    caller_burst: int = Field(default=2000, ge=1)
    """Requests of one key or one person's session; flags (/ofrep) are not counted."""
    caller_per_second: float = Field(default=400, gt=0)
    event_burst: int = Field(default=600_000, ge=1)
    """Events that one key may bring at once …"""
    event_per_minute: float = Field(default=600_000, gt=0)
    """… and then in a minute. A body of more than `event_burst` events counts as that many."""


class SigninSettings(BaseModel):
    """Who may sign in to the console, and for how long."""

    idle_minutes: float = Field(default=60, gt=0)
    """A session nobody uses for this long is over."""
    absolute_hours: float = Field(default=12, gt=0)
    """However busy, a session is over after this: one shift."""
    stepup_seconds: float = Field(default=300, gt=0)
    """How long a second factor counts as fresh (the `max_age` of RFC 9470)."""
    link_minutes: float = Field(default=60, gt=0)
    """How long a link made by `opsspine people invite` is good."""
    account_link_minutes: float = Field(default=15, gt=0)
    """How long a link is good that makes an account of another system one's own."""
    ceremony_minutes: float = Field(default=10, gt=0)
    """How long somebody may take between the start and the end of a sign-in."""
    recovery_codes: int = Field(default=10, ge=1, le=99)
    oidc: OidcSettings = OidcSettings()
    rate: RateSettings = RateSettings()
