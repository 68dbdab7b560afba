"""The outgoing webhook: CloudEvents 1.0 in JSON, signed by Standard Webhooks. `webhook-id` is the outbox row's id."""

import email.utils
import json
from datetime import UTC, datetime, timedelta

import httpx
from standardwebhooks import Webhook

from spine.errors import Transient
from spine.message import Message
from spine.notification import Deferred, Receipt
from tasks.notifiers import Ports

_ASKS_FOR_PATIENCE = frozenset({429, 503})


def send(message: Message, ports: Ports) -> Receipt:
    """Post the message; any 2xx is delivery. The receiver can drop a `webhook-id` it has seen."""
    settings = ports.settings.webhook
    if settings.url is None or settings.secret is None:
        raise Deferred("The webhook is not set up: set OPSSPINE_WEBHOOK__URL and OPSSPINE_WEBHOOK__SECRET.")
    body = json.dumps(event(message, ports.settings.app_name), separators=(",", ":"))
    now = ports.clock.now()
    headers = {
        "Content-Type": "application/cloudevents+json",
        "webhook-id": str(message.id),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(settings.secret.get_secret_value()).sign(str(message.id), now, body),
    }
    try:
        answer = httpx.post(settings.url, content=body, headers=headers, timeout=settings.timeout_seconds)
    except httpx.HTTPError as error:
        raise Deferred(f"the webhook cannot be reached: {type(error).__name__}") from error
    if answer.is_success:
        return Receipt({"status": answer.status_code})
    if answer.status_code in _ASKS_FOR_PATIENCE:
        wait = retry_after(answer.headers.get("retry-after"), now)
        raise Deferred(f"the webhook answered {answer.status_code}", retry_after=wait)
    raise Transient(f"the webhook answered {answer.status_code}")


def event(message: Message, app_name: str) -> dict[str, object]:
    """The message as a CloudEvent."""
    return {
        "specversion": "1.0",
        "id": str(message.id),
        "source": f"/opsspine/{message.tenant}",
        "type": f"opsspine.{message.topic.value}",
        "time": message.at.isoformat(),
        "datacontenttype": "application/json",
        "tenant": message.tenant,
        "data": {"app": app_name, "severity_label": message.severity.label, **message.data},
    }


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """The wait a `Retry-After` asks for: seconds, or an HTTP date. None = it says nothing of use."""
    if header is None:
        return None
    if header.strip().isdigit():
        return timedelta(seconds=int(header))
    try:
        until = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(aware - now, timedelta(0))
