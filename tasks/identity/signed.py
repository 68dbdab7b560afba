"""Signed requests to the application: CloudEvents 1.0 in JSON, signed by Standard Webhooks, done once for each id."""

import json
from dataclasses import dataclass
from typing import Any

from standardwebhooks import Webhook as Signer

from spine.errors import Broken, Transient
from spine.ids import mint
from tasks.identity.api import Answer, Api


@dataclass(slots=True)
class Signed:
    """The URL that takes the requests of one tenant."""

    api: Api
    secret: str
    tenant: str

    def tell(self, kind: str, data: dict[str, Any], message: str) -> None:
        """Have something done. `message` is its id, the same one however often it is asked for."""
        self._post(kind, data, message, asks=False)

    def ask(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        """What the application says.

        Raises:
            Transient: no JSON object.
        """
        said = self._post(kind, data, str(mint()), asks=True).json()
        if not isinstance(said, dict):
            raise Transient(f"{self.api.title} answers no JSON object to {kind}; see docs/identity-providers.md")
        return said

    def _post(self, kind: str, data: dict[str, Any], message: str, *, asks: bool) -> Answer:
        now = self.api.clock.now()
        body = json.dumps(
            {
                "specversion": "1.0",
                "id": message,
                "source": f"urn:opsspine:tenant:{self.tenant}",
                "type": f"opsspine.{kind}",
                "time": now.isoformat(),
                "datacontenttype": "application/json",
                "data": {"tenant": self.tenant, **data},
            }
        )
        try:
            signature = Signer(self.secret).sign(message, now, body)
        except ValueError as error:
            raise Broken(f"{self.api.credential}: the secret to sign with must be whsec_ + base64") from error
        headers = {
            "content-type": "application/cloudevents+json",
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        return self.api.call("POST", "", to=kind, content=body, headers=headers, anonymous=asks)
