"""The rules that everybody writes first: fixed thresholds, the same for every tenant.

A hundred failed logins an hour, twenty failed resets an hour, an administrator at night, and so on. Nobody chose
them badly: they are round numbers that suit one tenant and no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from benchmarks.detection.peer.alert import Alert, records, text

NIGHT_UTC = (22, 6)
"""Hours; where a tenant is, such a rule does not know."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """So many events of one type in a sliding window, per tenant or per user."""

    incident: str
    event: str
    least: int
    window: timedelta = timedelta(hours=1)
    per_user: bool = False


THRESHOLDS = (
    Threshold("FAILED_LOGINS_SPIKE", "login_failed", 100),
    Threshold("PASSWORD_RESET_FAILURES", "password_reset_failed", 20),
    Threshold("EMAIL_VERIFICATION_FAILURES", "email_verification_failed", 20),
    Threshold("OAUTH_CALLBACK_ERRORS", "oauth_callback_error", 20),
    Threshold("JWT_VALIDATION_ERRORS", "jwt_validation_error", 50),
    Threshold("TENANT_LEAK_RISK", "tenant_scope_violation", 1),
    Threshold("SESSION_ANOMALIES", "session_created", 10, per_user=True),
)


def alerts(events: pd.DataFrame) -> list[Alert]:
    """Every event at which a threshold is reached, and every administrator at night."""
    events = events.sort_values("occurred_at", kind="stable")
    return [*(alert for threshold in THRESHOLDS for alert in _reached(events, threshold)), *_nights(events)]


def _reached(events: pd.DataFrame, threshold: Threshold) -> Iterator[Alert]:
    rows = events[events["type"] == threshold.event]
    keys = ["tenant_id", "user_id"] if threshold.per_user else ["tenant_id"]
    first = rows.groupby(keys, observed=True, sort=False)["occurred_at"].shift(threshold.least - 1)
    hot = rows[(rows["occurred_at"] - first) < threshold.window]
    for row in records(hot):
        user = text(row.user_id) if threshold.per_user else None
        yield Alert(row.occurred_at, threshold.incident, row.tenant_id, threshold.event, _of(row.ip), user)


def _nights(events: pd.DataFrame) -> Iterator[Alert]:
    rows = events[events["type"] == "admin_login"]
    hour, (start, end) = rows["occurred_at"].dt.hour, NIGHT_UTC
    for row in records(rows[(hour >= start) | (hour < end)]):
        yield Alert(row.occurred_at, "SUSPICIOUS_ADMIN_LOGIN", row.tenant_id, "night", _of(row.ip), text(row.user_id))


def _of(address: str | None) -> tuple[str, ...]:
    return () if text(address) is None else (str(address),)
