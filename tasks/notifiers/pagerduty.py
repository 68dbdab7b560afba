"""PagerDuty, Events API v2: an incident of ours is one alert there, triggered, acknowledged and resolved by its key.

Source: PagerDuty, "Send an alert event" (summary ≤ 1024, dedup_key ≤ 255, 202 accepted, 400 malformed, 429 too many).
"""

from typing import Any

import httpx

from spine.errors import Broken, Transient
from spine.message import Message
from spine.notification import Deferred, Receipt, Topic
from spine.plain import clean, cut
from spine.settings import PagerDutySettings
from spine.severity import Severity
from tasks.notifiers import Ports
from tasks.notifiers.webhook import retry_after

_SUMMARY, _LINE = 1024, 400
_TRIGGERS = frozenset(
    {Topic.INCIDENT_OPENED, Topic.INCIDENT_UPDATED, Topic.INCIDENT_ESCALATED, Topic.APPROVAL_REQUESTED, Topic.PAGE}
)
_ACTIONS = {Topic.INCIDENT_ACKNOWLEDGED: "acknowledge", Topic.INCIDENT_RESOLVED: "resolve"}
_SEVERITY = {
    Severity.INFO: "info", Severity.MEDIUM: "warning", Severity.HIGH: "error", Severity.CRITICAL: "critical",
}  # fmt: skip


def send(message: Message, ports: Ports) -> Receipt:
    """Send the event. What is no call, no answer and no end of an incident is not PagerDuty's business."""
    settings = ports.settings.pagerduty
    if settings.routing_key is None:
        raise Deferred("PagerDuty is not set up: set OPSSPINE_PAGERDUTY__ROUTING_KEY.")
    made = event(message, settings, ports.settings.gateway.url)
    if made is None:
        return Receipt({"skipped": f"PagerDuty is not told of {message.topic.value}"})
    url = f"{settings.base_url.rstrip('/')}/v2/enqueue"
    try:
        answer = httpx.post(url, json=made, timeout=settings.timeout_seconds)
    except httpx.HTTPError as error:
        raise Deferred(f"PagerDuty cannot be reached: {type(error).__name__}") from error
    if answer.status_code == 202:
        return Receipt({"dedup_key": made["dedup_key"], "action": made["event_action"], "status": 202})
    if answer.status_code == 429:
        wait = retry_after(answer.headers.get("retry-after"), ports.clock.now())
        raise Deferred("PagerDuty asks for patience (429)", retry_after=wait)
    if answer.status_code >= 500:
        raise Transient(f"PagerDuty answered {answer.status_code}")
    raise Broken(f"PagerDuty refuses the event ({answer.status_code}): {_said(answer)}; check the integration key")


def event(message: Message, settings: PagerDutySettings, url: str) -> dict[str, Any] | None:
    """The message as an event; None = it is nothing PagerDuty needs to know."""
    action = "trigger" if message.topic in _TRIGGERS else _ACTIONS.get(message.topic)
    incident = message.data.get("incident")
    if action is None or incident is None or settings.routing_key is None:
        return None
    made: dict[str, Any] = {
        "routing_key": settings.routing_key.get_secret_value(),
        "event_action": action,
        "dedup_key": f"opsspine:{incident}",
    }
    return made if action != "trigger" else made | {
        "payload": {
            "summary": cut(clean(f"{message.title}. {message.headline}"), _SUMMARY),
            "source": f"opsspine/{message.tenant}",
            "severity": _SEVERITY[message.severity],
            "timestamp": message.at.isoformat(),
            "component": "authentication",
            "group": message.tenant,
            "class": str(message.data.get("type", message.topic.value)),
            "custom_details": {
                section.title: [cut(clean(line), _LINE) for line in section.lines] for section in message.sections
            },
        },
        "client": "opsspine",
        "client_url": f"{url}/admin/auth-ops/incidents/{incident}",
        "links": [{"href": message.link, "text": "Orchestrator"}] if message.link else [],
    }  # fmt: skip


def _said(answer: httpx.Response) -> str:
    """What PagerDuty finds wrong, without what it repeats of the event."""
    try:
        body = answer.json()
        return cut(clean("; ".join(map(str, body.get("errors") or [body.get("message", "")]))), 300)
    except (ValueError, AttributeError):
        return "no reason given"
