"""Settings of the routines around flags and escalations."""

from pydantic import BaseModel, Field


class OperationSettings(BaseModel):
    """Flag management and the running of an incident by people."""

    untested_days: float = Field(default=90, gt=0)
    """A kill switch that nobody and no drill has thrown for so long may not work. Source: RUNBOOKS 5."""
    read_back_seconds: float = Field(default=60, gt=0, le=600)
    """By then applications must read what a managed change wrote; else it is taken back. Source: RUNBOOKS 5."""
    preview_days: float = Field(default=30, gt=0)
    """Users who got in within this are asked what they would read. Source: RUNBOOKS 0 (V0)."""
    preview_users: int = Field(default=2_000, ge=1)
    """At most so many of them; the share is told of these."""
    update_minutes: float = Field(default=20, gt=0)
    """A critical incident is told of at least so often while it is young. Source: RUNBOOKS 0 (≤ 20 min for 2 h)."""
    update_hours: float = Field(default=2, gt=0)
    """So long an incident is young; then updates are due once in so many hours."""
    update_high_minutes: float = Field(default=60, gt=0)
    """The same for one of high severity. Judgement."""
    commander_minutes: float = Field(default=15, gt=0)
    """By then a critical incident has a commander. Source: RUNBOOKS 0."""
    commander_high_minutes: float = Field(default=30, gt=0)
    """By then one of high severity has one. Source: RUNBOOKS 0."""
    legal_minutes: float = Field(default=30, gt=0)
    """By then counsel has been told of a confirmed leak. Source: RUNBOOKS 2.5."""
    notify_hours: float = Field(default=72, gt=0)
    """From "aware" to the authority; whether it is due counsel decides. Source: GDPR Art. 33."""
