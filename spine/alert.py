"""Alerts of an Alertmanager: what they say, and the finding one stands for. Source: its webhook, version 4."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import AUTH_KINDS, IncidentKind
from spine.plain import clean, cut
from spine.redact import redact_text
from spine.settings.notify import AlertmanagerSettings
from spine.severity import Severity

DETECTOR = "alertmanager"
"""The detector in whose name findings of alerts are kept."""
_TEXT = 200
_KINDS = frozenset(kind.value for kind in AUTH_KINDS)
_SEVERITY = {
    "critical": Severity.CRITICAL, "page": Severity.CRITICAL, "emergency": Severity.CRITICAL,
    "error": Severity.HIGH, "high": Severity.HIGH, "major": Severity.HIGH,
    "warning": Severity.MEDIUM, "medium": Severity.MEDIUM, "minor": Severity.MEDIUM,
    "info": Severity.INFO, "none": Severity.INFO, "low": Severity.INFO,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as it was sent."""

    fingerprint: str
    firing: bool
    starts_at: datetime
    labels: Mapping[str, str]

    @property
    def name(self) -> str:
        """What its rule is called."""
        return cut(clean(redact_text(self.labels.get("alertname", "an alert"))), _TEXT)

    @property
    def severity(self) -> Severity:
        """By its label `severity`; one that is unknown, or missing, counts as high: in doubt, the higher."""
        return _SEVERITY.get(self.labels.get("severity", "").strip().lower(), Severity.HIGH)

    def kept_labels(self) -> dict[str, str]:
        """Its labels as they may be stored: without secrets, bounded."""
        return {cut(clean(name), 64): cut(clean(redact_text(value)), _TEXT) for name, value in self.labels.items()}


def kind_of(alert: Alert, settings: AlertmanagerSettings) -> IncidentKind | None:
    """Which type of incident it is, by its label or the settings' default; None = it is none."""
    named = alert.labels.get(settings.kind_label, "").strip().upper()
    if named in _KINDS:
        return IncidentKind[named]
    return settings.default_kind if not named else None


def subject_of(alert: Alert, settings: AlertmanagerSettings) -> str:
    """What it is about: by its label, else the whole tenant."""
    return cut(clean(redact_text(alert.labels.get(settings.subject_label, ""))), _TEXT) or "tenant"


def finding_of(
    alert: Alert, tenant: TenantId, kind: IncidentKind, settings: AlertmanagerSettings, now: datetime
) -> Finding:
    """The finding a firing alert stands for. Somebody else has measured: it counts one event, exactly at the line."""
    began = min(alert.starts_at, now)
    return Finding(
        tenant_id=tenant, kind=kind, detector=DETECTOR, subject=subject_of(alert, settings),
        window_start=max(began, now - timedelta(hours=1)), window_end=now, n=1, observed={"firing": 1.0},
        threshold={"firing": 1.0}, margin=1.0, severity=alert.severity, first_event_at=began, last_event_at=now,
        notes=(alert.name,),
    )  # fmt: skip
