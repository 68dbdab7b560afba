"""Thresholds and cadence of detection."""

from pydantic import BaseModel


class DetectSettings(BaseModel):
    """When a detector fires. Defaults: RUNBOOKS 2.1 and the reference study of DETECTION."""

    interval_seconds: float = 30
    """How often the detect flow is scheduled (5 s at the least)."""
    stale_after_intervals: float = 3
    """A scheduled run older than this many intervals is catch-up after downtime and does nothing."""
