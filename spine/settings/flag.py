"""Settings of feature flags."""

from pydantic import BaseModel, Field


class FlagSettings(BaseModel):
    """Who may change what, and how flags reach applications."""

    high_risk_keys: list[str] = ["auth.*", "tenant.*", "admin.*"]
    """Keys (with `*` for anything) whose change is of high risk: the policy matrix asks for a second factor or for
    another person. Every other key is of low risk."""
    approval_hours: float = Field(default=24, gt=0)
    """A proposed change that needs a yes is void after this."""
    stale_days: float = Field(default=30, gt=0)
    """A temporary flag that nobody changed for so long should be removed from the code. Source: RUNBOOKS 5."""
    browser_origins: list[str] = []
    """Origins (https://app.example.org) whose pages may read flags in the browser; "*" = every one."""
    streams_per_key: int = Field(default=5000, gt=0)
    """Event streams one key may hold open at one gateway; one more is answered with 429."""
    heartbeat_seconds: float = Field(default=15, gt=0)
    """How often a quiet stream gives a sign of life, so that proxies keep it and dead clients are noticed."""
    inactivity_seconds: int = Field(default=120, gt=0)
    """Clients whose page is hidden for so long close their stream and read anew when it is shown."""
    key_check_seconds: float = Field(default=2, gt=0)
    """A revoked key reads flags, and keeps its streams, no longer than this."""
    outage_minutes: float = Field(default=60, ge=0)
    """While PostgreSQL does not answer, flags are served as they last were, for so long."""
