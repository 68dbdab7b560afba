"""The outgoing webhook: CloudEvents 1.0 in JSON, signed by Standard Webhooks. `webhook-id` is the outbox row's id."""

import email.utils
import json
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

from spine.errors import Transient
from spine.message import Message
from spine.notification import Deferred, Receipt
from tasks.notifiers import Ports
from tasks.outward import post

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
    answer = post(
        settings.url, body.encode(), headers, seconds=settings.timeout_seconds, networks=settings.networks
    )  # fmt: skip
    if 200 <= answer.status < 300:
        return Receipt({"status": answer.status})
    if answer.status in _ASKS_FOR_PATIENCE:
        said = {name.lower(): value.decode("latin-1") for name, value in answer.headers}.get(b"retry-after")
        raise Deferred(f"the webhook answered {answer.status}", retry_after=retry_after(said, now))
    raise Transient(f"the webhook answered {answer.status}")


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
