"""Settings of operational runbooks: what the launch checklist probes, and how long its answers count."""

from pydantic import BaseModel, Field, SecretStr


class TokenSettings(BaseModel):
    """An endpoint of the application that verifies tokens, and tokens to show it. HTTPS, allowlisted in `probe.hosts`.

    The tokens belong to a synthetic user: the probe shows them, and forged variants of the good one.
    """

    url: str | None = None
    """Answers 2xx to the good token and 401 or 403 to every other. Unset = the check is unknown."""
    good: SecretStr | None = None
    """A JWT that is accepted: without it a refusal proves nothing."""
    expired: SecretStr | None = None
    """A JWT of the same issuer that has run out; it cannot be forged from the good one."""
    wrong_audience: SecretStr | None = None
    """A sound JWT of the same issuer for another audience."""


class OauthClientSettings(BaseModel):
    """A client of an identity provider of `probe.oidc` (same name) for a synthetic user who is signed in there."""

    client_id: str
    client_secret: SecretStr | None = None
    """Unset = a public client: PKCE alone."""
    redirect_uri: str
    """Registered there; nothing needs to listen, for the code is read out of the redirect."""
    session_cookie: SecretStr | None = None
    """`name=value` of the synthetic user's session at the provider, so that no page has to be filled in."""
    scope: str = "openid"


class CanaryMailSettings(BaseModel):
    """A mailbox of your own: what the application's mail server accepts must arrive there."""

    to: str | None = None
    """Its address. Unset = the check is unknown."""
    imap_host: str | None = None
    """Where it is read (TLS)."""
    imap_port: int = 993
    imap_username: str | None = None
    imap_password: SecretStr | None = None
    wait_seconds: float = Field(default=60, gt=0, le=300)
    """What has not arrived by then has failed."""


class ThrottleSettings(BaseModel):
    """The application's login, tried with wrong passwords for a synthetic user."""

    url: str | None = None
    """Takes a POST of JSON. Unset = the check is unknown."""
    body: dict[str, str] = {"username": "launch-check@example.org", "password": "wrong-on-purpose"}
    attempts: int = Field(default=30, ge=3, le=200)
    """By then it must answer 429. Source: RUNBOOKS 2.1 (twenty failures of one user are a signal)."""
    captcha_marker: str = "captcha"
    """What an answer says, in any case of letters, that asks for a captcha."""


class RevocationSettings(BaseModel):
    """Sign a synthetic user in, use the session, revoke it, and see it refused."""

    login_url: str | None = None
    """Takes a POST of JSON and answers with a token. Unset = the check is unknown."""
    login_body: SecretStr | None = None
    """That JSON, as text: it bears the synthetic user's password."""
    token_field: str = "access_token"  # noqa: S105 - the name of a field
    use_url: str | None = None
    """Answers 2xx to the token while it is good."""
    revoke_url: str | None = None
    """Takes a POST with the token and ends the session."""
    max_seconds: float = Field(default=60, gt=0, le=300)
    """By then the token must be refused. Source: RUNBOOKS 2.6 (verify)."""


class LaunchSettings(BaseModel):
    """The launch checklist: what it looks at, and how long its answers and waivers count."""

    tokens: TokenSettings = TokenSettings()
    oauth: dict[str, OauthClientSettings] = {}
    canary: CanaryMailSettings = CanaryMailSettings()
    throttle: ThrottleSettings = ThrottleSettings()
    revocation: RevocationSettings = RevocationSettings()
    check_seconds: float = Field(default=120, gt=0, le=600)
    """For one check with all it waits for; what has not answered by then is unknown."""
    drill_days: float = Field(default=30, gt=0)
    """A drill that is older counts as none. Source: RUNBOOKS 5."""
    restore_days: float = Field(default=30, gt=0)
    """A rehearsed restore that is older counts as none. Judgement."""
    page_days: float = Field(default=30, gt=0)
    """A page, or a rehearsal of one, that is older proves nothing. Judgement."""
    admins: int = Field(default=2, ge=1)
    """How many administrators must be reachable. Source: RUNBOOKS 5."""
    waiver_days: float = Field(default=30, gt=0)
    """A waiver lasts at most so long. Judgement."""
    fresh_hours: float = Field(default=24, gt=0)
    """A GO that is older lets no ramp go up. Judgement."""
    ramp_minutes: float = Field(default=10, ge=0)
    """Between two steps up. Source: RUNBOOKS 2.3 (10 min each)."""
