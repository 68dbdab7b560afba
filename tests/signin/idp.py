"""An identity provider on this machine: code flow with PKCE, signed tokens, keys that change, and lies on request."""

import base64
import hashlib
import json
import secrets
import time
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey


class Idp:
    """Signs in whoever `claims` says; `issuer` is set once it listens."""

    def __init__(self) -> None:
        self.issuer = ""
        self.keys: list[Any] = [ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"})]
        self.claims: dict[str, Any] = {"sub": "s-1", "email": "ann@example.org", "email_verified": True}
        self.answer: dict[str, Any] = {}
        """What the token endpoint says instead of the truth."""
        self.lies: dict[str, Any] = {}
        """Claims of the id token that are not as they should be."""
        self.key_requests = 0
        self._codes: dict[str, dict[str, str]] = {}
        self.app = FastAPI()
        self.app.get("/.well-known/openid-configuration")(self._discovery)
        self.app.get("/authorize")(self._authorize)
        self.app.post("/token")(self._token)
        self.app.get("/keys")(self._keys)

    def rotate(self, kid: str, kind: str = "EC") -> None:
        """One new key in place of all old ones."""
        fields = {"kid": kid, "use": "sig"}
        self.keys = [ECKey.generate_key("P-256", fields) if kind == "EC" else RSAKey.generate_key(2048, fields)]

    def token(self, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A signed token; claims that are None are left out."""
        now = int(time.time())
        said = {"iss": self.issuer, "iat": now, "exp": now + 300, "aud": "ops-api", **self.claims, **claims}
        signing = key or self.keys[0]
        alg = "RS256" if signing.key_type == "RSA" else "ES256"
        used = {"alg": alg, "kid": signing.kid, **(header or {})}
        return jwt.encode(used, {k: v for k, v in said.items() if v is not None}, signing, algorithms=[used["alg"]])

    def _discovery(self) -> dict[str, str]:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.issuer, **{name: f"{self.issuer}/{path}" for name, path in ends.items()}}

    def _keys(self) -> dict[str, Any]:
        self.key_requests += 1
        return {"keys": [key.as_dict(private=False) for key in self.keys]}

    def _authorize(self, request: Request) -> RedirectResponse:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    def _token(
        self, request: Request, code: str = Form(), code_verifier: str = Form(), redirect_uri: str = Form(),
        client_id: str = Form(),
    ) -> JSONResponse:  # fmt: skip
        asked = self._codes.pop(code, None)
        made = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).decode().rstrip("=")
        basic = "Basic " + base64.b64encode(b"ops:s3cret").decode()
        checks = asked and made == asked["code_challenge"] and redirect_uri == asked["redirect_uri"]
        if not checks or request.headers.get("authorization") != basic:
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = {"aud": client_id, "nonce": asked["nonce"], **self.lies}
        return JSONResponse({"token_type": "Bearer", "id_token": self.token(**claims), **self.answer})


def unsigned(token: str) -> str:
    """The same claims with `alg: none` and no signature."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


def confused(token: str, public_pem: bytes, kid: str) -> str:
    """The same claims, signed with the public key as if it were a shared secret (HS256)."""
    import hmac

    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": kid}).encode())
    body = f"{header.decode().rstrip('=')}.{token.split('.')[1]}"
    mac = base64.urlsafe_b64encode(hmac.digest(public_pem, body.encode(), "sha256")).decode().rstrip("=")
    return f"{body}.{mac}"
