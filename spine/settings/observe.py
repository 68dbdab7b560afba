"""Settings of what monitoring sees."""

from pydantic import BaseModel, Field


class ObserveSettings(BaseModel):
    """Metrics, traces and reports of errors. Traces are on exactly when OTEL_EXPORTER_OTLP_ENDPOINT is set."""

    metric_tenants: list[str] = Field(default=[], max_length=100)
    """Tenants that stand in metrics by name. No other does: there may be thousands, and each would cost a series."""
    error_sample: float = Field(default=1.0, ge=0, le=1)
    """Which share of errors is reported to Sentry, when SENTRY_DSN is set."""
    trace_sample: float = Field(default=1.0, ge=0, le=1)
    """Which share of requests begins a trace. One that a caller traces already is always followed."""
