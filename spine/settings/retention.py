"""Settings of how long things are kept: store/retention.py has the list of all tables."""

from pydantic import BaseModel, Field


class RetentionSettings(BaseModel):
    """How long things are kept. The audit trail is kept for ever."""

    event_days: int = 45
    metric_minute_hours: int = 48
    metric_hour_days: int = 400
    entity_days: int = 90
    """Countries of users and habits of administrators, since they were last seen. Source: RUNBOOKS 2.7."""
    address_days: int = Field(default=180, ge=60)
    """What is known of a network address, since it was last seen; 60 days at least, which detection looks back."""
    days_ahead: int = 3
    message_days: int = 30
    """Delivered notifications and remembered requests."""
    attempt_days: int = Field(default=90, ge=1)
    """Second factors tried, faults of plug-ins, pages of Slack nobody opened since."""
    incident_days: int = Field(default=730, ge=30)
    """Incidents since they were resolved, with everything of theirs: evidence, decisions, approvals, leases, pages,
    labels. Also flags' old versions and changes, revoked keys, drills and runs. Judgement: two years."""
    batch_rows: int = Field(default=2_000, ge=1)
    """Rows that are deleted in one transaction, so that nobody waits for long."""
