"""The second effect of a mitigation: a signed webhook, for systems that read no flags.

CloudEvents 1.0 in JSON, signed by Standard Webhooks. Its id is the lease and the phase, however often it is
sent, so a receiver does it once; `sequence` tells a late one from a newer one.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import httpx
import rfc8785
from standardwebhooks import Webhook as Signer

from spine.clock import Clock
from spine.errors import Refused, Transient
from spine.lease import Lease
from spine.settings import WebhookSettings

Phase = Literal["applied", "reverted"]
_SEQUENCE: dict[Phase, int] = {"applied": 1, "reverted": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """The other side's answer. Accepted is not effective: the read-back is what counts."""

    id: str
    request_sha256: str
    status: int

    @property
    def accepted(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300

    def receipt(self) -> dict[str, Any]:
        """As it is kept with the lease."""
        return {"id": self.id, "request_sha256": self.request_sha256, "status": self.status}


def refusal(announced: Announced | None) -> str | None:
    """What to write down when the other side answered, but with a no."""
    if announced is None or announced.accepted:
        return None
    return f"the webhook refused: {announced.status}"


class Announcer(Protocol):
    """Tells another system of a lease."""

    def send(self, lease: Lease, phase: Phase) -> Announced:
        """Tell it; a refusal is an answer.

        Raises:
            Transient: the answer was lost: whether it was heard is not known.
        """
        ...


class Webhook:
    """The configured webhook."""

    def __init__(self, settings: WebhookSettings, clock: Clock) -> None:
        if settings.url is None or settings.secret is None:
            raise Refused(
                "webhook.secret",
                "A webhook URL needs a secret to sign with. Set OPSSPINE_WEBHOOK__SECRET to whsec_ + base64.",
            )
        self._url = settings.url
        self._signer = Signer(settings.secret.get_secret_value())
        self._timeout = settings.timeout_seconds
        self._clock = clock

    def send(self, lease: Lease, phase: Phase) -> Announced:
        """POST it, once; retries are the ledger's."""
        data = _data(lease, phase)
        message = f"{lease.id}:{phase}"
        now = self._clock.now()
        body = json.dumps(
            {
                "specversion": "1.0",
                "id": message,
                "source": f"urn:opsspine:tenant:{lease.tenant_id}",
                "type": f"opsspine.mitigation.{phase}",
                "subject": f"incident:{lease.incident_id}",
                "time": now.isoformat(),
                "sequence": str(_SEQUENCE[phase]),
                "datacontenttype": "application/json",
                "data": data,
            }
        )
        headers = {
            "content-type": "application/cloudevents+json",
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(message, now, body),
        }
        try:
            answer = httpx.post(self._url, content=body, headers=headers, timeout=self._timeout)
        except httpx.HTTPError as error:
            raise Transient(f"the webhook's answer was lost: {type(error).__name__}") from error
        if answer.status_code >= 500 or answer.status_code in (408, 425, 429):
            raise Transient(f"the webhook answered {answer.status_code}")
        return Announced(
            id=message, request_sha256=hashlib.sha256(rfc8785.dumps(data)).hexdigest(), status=answer.status_code
        )


def _data(lease: Lease, phase: Phase) -> dict[str, Any]:
    return {
        "lease": str(lease.id),
        "incident": str(lease.incident_id),
        "tenant": lease.tenant_id,
        "phase": phase,
        "action": lease.action_key,
        "params": lease.params,
        "targets": list(lease.targets),
        "expires_at": lease.expires_at.isoformat() if lease.expires_at else None,
    }
