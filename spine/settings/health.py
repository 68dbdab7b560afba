"""Settings of how the spine looks after itself: checks, what is shown of them, and when people are called."""

from pydantic import BaseModel, Field


class HealthSettings(BaseModel):
    """Checks of the spine's own parts. All numbers are judgement."""

    interval_seconds: float = Field(default=60, gt=0)
    """How often every part is looked at."""
    timeout_seconds: float = Field(default=5, gt=0)
    """A look that takes longer has failed."""
    bad_in_row: int = Field(default=3, ge=1)
    """So many failed looks one after the other open an incident of the spine's own: one hiccup wakes nobody."""
    good_in_row: int = Field(default=3, ge=1)
    """So many good looks one after the other end it."""
    open: bool | None = None
    """Whether `/api/health` tells its details, and `/api/metrics` answers, without a key. Unset: only where the gateway
    listens on this machine alone and has no public URL. Otherwise a key with `health:read` or `metrics:read`."""
    relay_silence_seconds: float = Field(default=30, gt=0)
    outbox_warn_minutes: float = Field(default=2, gt=0)
    outbox_fail_minutes: float = Field(default=15, gt=0)
    """Age of the oldest message that waits."""
    database_warn_seconds: float = Field(default=0.5, gt=0)
    clock_warn_seconds: float = Field(default=2, gt=0)
    clock_fail_seconds: float = Field(default=30, gt=0)
    """How far the database's clock may be from this machine's."""
    lease_grace_seconds: float = Field(default=120, gt=0)
    """A mitigation that is still in force so long after its end is stranded."""
    disk_warn_percent: float = Field(default=15, ge=0, le=100)
    disk_fail_percent: float = Field(default=5, ge=0, le=100)
    """Free space where the data folder is."""
    audit_minutes: float = Field(default=5, gt=0)
    audit_tail_entries: int = Field(default=50, ge=1)
    """How often the end of every audit chain is recomputed, and how much of it."""
    slack_minutes: float = Field(default=5, gt=0)
    smtp_minutes: float = Field(default=5, gt=0)
    """How often at most Slack and the mail server are asked whether they would take a message."""
    slack_socket_silence_seconds: float = Field(default=30, gt=0)
    """Without a sign of life for so long, the process that hears Slack by Socket Mode counts as gone."""
    hook_minutes: float = Field(default=15, gt=0)
    """A plug-in that failed within this time is told of."""
