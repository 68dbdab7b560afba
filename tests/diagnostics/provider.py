"""An identity provider with rotating keys, and verifiers that cache them."""

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse


def key(kid: str) -> dict[str, str]:
    """A fresh public key."""
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    point = {
        n: base64.urlsafe_b64encode(v.to_bytes(32, "big")).rstrip(b"=").decode()
        for n, v in (("x", numbers.x), ("y", numbers.y))
    }
    return {"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256", **point}


class Provider:
    """Serves its documents as they are set; `rotate` brings a new key and drops old ones."""

    def __init__(self) -> None:
        self.keys = [key("k1")]
        self.held: dict[str, Any] = {"keys": list(self.keys)}
        self.document: dict[str, Any] = {}
        self.headers = {"Cache-Control": "public, max-age=300"}
        self.status = 200
        self.body: bytes | None = None
        self.app = FastAPI()
        self.app.get("/.well-known/openid-configuration")(self._discovery)
        self.app.get("/keys")(lambda: JSONResponse({"keys": self.keys}, headers=self.headers))
        self.app.get("/held")(lambda: JSONResponse(self.held, headers=self.headers))

    def at(self, port: int) -> str:
        """Its issuer, once it listens."""
        self.issuer = f"https://idp.test:{port}"
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        self.endpoints = {name: f"{self.issuer}/{path}" for name, path in ends.items()}
        self.document = {"issuer": self.issuer, **self.endpoints}
        return self.issuer

    def rotate(self, kid: str, *, keep: int = 1) -> None:
        """A new key in front; `keep` old ones stay."""
        self.keys = [key(kid), *self.keys[:keep]]

    def settings(self, **fields: Any) -> dict[str, Any]:
        """How the spine is told of it when all is well."""
        own = {"issuer": self.issuer, "endpoints": self.endpoints, "verifiers": {"api": f"{self.issuer}/held"}}
        return {"shop": {**own, **fields}}

    @property
    def host(self) -> str:
        """As the allowlist names it."""
        return self.issuer.removeprefix("https://")

    def _discovery(self) -> Response:
        if self.body is not None:
            return Response(self.body, status_code=self.status)
        return JSONResponse(self.document, status_code=self.status, headers=self.headers)
