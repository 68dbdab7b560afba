"""Alertmanager: our incidents as alerts, `POST /api/v2/alerts`. It groups, routes and silences them as its own.

Source: Alertmanager's OpenAPI v2 (`postableAlerts`). The labels are an alert's identity: severity is one of them, so
when it changes, the alert of the old severity is ended in the same request.
"""

from datetime import datetime, timedelta
from typing import Any

import httpx

from spine.errors import Broken, Transient
from spine.message import Message
from spine.notification import Deferred, Receipt, Topic
from spine.plain import clean, cut
from spine.settings import AlertmanagerSettings
from spine.severity import Severity
from tasks.notifiers import Ports

_FIRES = frozenset(
    {Topic.INCIDENT_OPENED, Topic.INCIDENT_UPDATED, Topic.INCIDENT_ESCALATED, Topic.APPROVAL_REQUESTED,
     Topic.MITIGATION_APPLIED, Topic.MITIGATION_REVERTED, Topic.VERIFICATION_COMPLETED}
)  # fmt: skip
_TEXT = 1000


def send(message: Message, ports: Ports) -> Receipt:
    """Post the incident as an alert that fires or is resolved."""
    settings = ports.settings.alertmanager
    if settings.url is None:
        raise Deferred("Alertmanager is not set up: set OPSSPINE_ALERTMANAGER__URL.")
    made = alerts(message, settings, ports.settings.gateway.url, ports.clock.now())
    if not made:
        return Receipt({"skipped": f"Alertmanager is not told of {message.topic.value}"})
    try:
        answer = httpx.post(
            f"{settings.url.rstrip('/')}/api/v2/alerts", json=made, timeout=settings.timeout_seconds,
            **_credentials(settings),
        )  # fmt: skip
    except httpx.HTTPError as error:
        raise Deferred(f"Alertmanager cannot be reached: {type(error).__name__}") from error
    if answer.is_success:
        return Receipt({"status": answer.status_code, "alerts": len(made)})
    if answer.status_code in (429, 503):
        raise Deferred(f"Alertmanager answered {answer.status_code}")
    if answer.status_code >= 500:
        raise Transient(f"Alertmanager answered {answer.status_code}")
    raise Broken(f"Alertmanager refuses the alert ({answer.status_code}); check URL and credentials")


def alerts(message: Message, settings: AlertmanagerSettings, url: str, now: datetime) -> list[dict[str, Any]]:
    """The message as alerts; [] = it is about no incident."""
    incident, kind, since = (message.data.get(name) for name in ("incident", "type", "since"))
    resolved = message.topic is Topic.INCIDENT_RESOLVED
    if not (incident and kind and since) or not (resolved or message.topic in _FIRES):
        return []
    own = Severity(int(message.data.get("severity", message.severity)))
    ends = now if resolved else now + timedelta(hours=settings.firing_hours)
    said = {
        "summary": cut(clean(message.title), _TEXT),
        "description": cut(clean(message.headline), _TEXT),
    }
    made = [_alert(message, severity, now) for severity in Severity if severity is not own]
    return [{**_alert(message, own, ends), "annotations": said, "generatorURL": _page(url, str(incident))}, *made]


def _alert(message: Message, severity: Severity, ends: datetime) -> dict[str, Any]:
    data = message.data
    return {
        "labels": {
            "alertname": "OpsspineIncident",
            "incident": str(data["incident"]),
            "type": str(data["type"]),
            "tenant": clean(message.tenant),
            "severity": severity.label,
        },
        "startsAt": min(datetime.fromisoformat(str(data["since"])), ends).isoformat(),
        "endsAt": ends.isoformat(),
    }


def _page(url: str, incident: str) -> str:
    return f"{url}/admin/auth-ops/incidents/{incident}"


def _credentials(settings: AlertmanagerSettings) -> dict[str, Any]:
    if settings.bearer is not None:
        return {"headers": {"Authorization": f"Bearer {settings.bearer.get_secret_value()}"}}
    if settings.username is not None and settings.password is not None:
        return {"auth": (settings.username, settings.password.get_secret_value())}
    return {}
