"""Settings of reports."""

from pydantic import BaseModel, Field

from spine.severity import Severity


class ReportSettings(BaseModel):
    """Post-incident reports and weekly summaries."""

    critical_acknowledge_minutes: float = Field(default=5, gt=0)
    """A critical incident acknowledged later is a follow-up. Source: RUNBOOKS 0, escalation."""
    high_acknowledge_minutes: float = Field(default=10, gt=0)
    """The same of a high one."""
    medium_acknowledge_minutes: float = Field(default=240, gt=0)
    """The same of a medium one."""
    review_days: int = Field(default=5, ge=1, le=60)
    """Working days until a critical incident is reviewed. Source: RUNBOOKS 0."""
    late_revert_seconds: float = Field(default=60, ge=0)
    """What was taken back later than this after its end is a follow-up."""
    trend_weeks: int = Field(default=8, ge=2, le=52)
    """Weeks a weekly summary looks back."""
    waiting_rows: int = Field(default=5, ge=1, le=50)
    """Approvals a weekly summary names as having waited longest."""
    follow_up_rows: int = Field(default=10, ge=1, le=100)
    """Follow-ups a weekly summary names."""
    week_cron: str = "0 6 * * 1"
    """When weekly summaries are made and told, as cron has it, in UTC."""
    catch_up_hours: float = Field(default=24, gt=0)
    """An incident that ended within this time and has no report gets one."""

    def acknowledge_minutes(self, severity: Severity) -> float | None:
        """Within how many minutes somebody should have it; None = it waits in a queue."""
        return {
            Severity.CRITICAL: self.critical_acknowledge_minutes,
            Severity.HIGH: self.high_acknowledge_minutes,
            Severity.MEDIUM: self.medium_acknowledge_minutes,
        }.get(severity)
