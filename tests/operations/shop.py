"""An application and its identity provider in one: verifies tokens, throttles logins, ends sessions."""

import hashlib
import hmac
import json
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs, urlencode

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

PASSWORD = "correct horse"
COOKIE = "idp=signed-in"


class Shop:
    """One real service; what it does wrong stands in `fault`."""

    def __init__(self) -> None:
        self.fault = ""
        self.key = RSAKey.generate_key(2048, {"kid": "k1"})
        self.codes: dict[str, dict[str, str]] = {}
        self.sessions: set[str] = set()
        self.tries = 0
        self.app = FastAPI()
        for method, path, route in (
            ("get", "/me", self._me), ("post", "/login", self._login), ("post", "/logout", self._logout),
            ("get", "/session", self._session), ("get", "/authorize", self._authorize), ("post", "/token", self._token),
            ("get", "/keys", lambda: JSONResponse({"keys": [self.key.as_dict(private=False)]})),
            ("get", "/.well-known/openid-configuration", lambda: JSONResponse(self.document)),
        ):  # fmt: skip
            getattr(self.app, method)(path)(route)

    def at(self, port: int) -> None:
        """Its address, once it listens."""
        self.issuer, self.host = f"https://shop.test:{port}", f"shop.test:{port}"
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        self.document = {"issuer": self.issuer, **{name: f"{self.issuer}/{path}" for name, path in ends.items()}}
        self.redirect = f"{self.issuer}/callback"

    def jwt(self, *, aud: str = "shop", seconds: float = 600, **more: Any) -> str:
        """A token of its own."""
        claims = {"iss": self.issuer, "aud": aud, "sub": "ann", "exp": int(time.time() + seconds), **more}
        return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.key)

    def tokens(self) -> dict[str, str]:
        """As the settings of the checklist want them."""
        return {
            "url": f"{self.issuer}/me", "good": self.jwt(), "expired": self.jwt(seconds=-600),
            "wrong_audience": self.jwt(aud="billing"),
        }  # fmt: skip

    def client(self) -> dict[str, str]:
        """A client of its, and a user who is signed in."""
        return {
            "client_id": "shop", "client_secret": "s3cret", "redirect_uri": self.redirect, "session_cookie": COOKIE
        }  # fmt: skip

    def _me(self, authorization: str | None = Header(None)) -> Response:
        token = (authorization or "").removeprefix("Bearer ")
        return JSONResponse({}, 200 if self._believes(token) else 401)

    def _believes(self, token: str) -> bool:
        """Whether it takes the token; its faults are those that verifiers really have."""
        if token.count(".") != 2:
            return self.fault == "open"
        head, body, signature = token.split(".")
        header, claims = (json.loads(urlsafe_b64decode(part + "==")) for part in (head, body))
        if self.fault == "none" and header["alg"].lower() == "none":
            return True
        if self.fault == "header key" and "jwk" in header:
            return True
        if self.fault == "confusion" and header["alg"] == "HS256":
            made = hmac.new(self.key.as_pem(private=False), f"{head}.{body}".encode(), hashlib.sha256).digest()
            return urlsafe_b64encode(made).rstrip(b"=").decode() == signature
        if self.fault == "unsigned":
            return claims["exp"] > time.time() and claims["aud"] == "shop"
        try:
            sound = jwt.decode(token, self.key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return False
        if self.fault == "expiry" and sound["aud"] == "shop":
            return True
        return sound["exp"] > time.time() and (sound["aud"] == "shop" or self.fault == "audience")

    async def _login(self, request: Request) -> Response:
        given = await request.json()
        if given.get("password") == PASSWORD:
            token = secrets.token_urlsafe(16)
            self.sessions.add(token)
            return JSONResponse({"access_token": token})
        self.tries += 1
        if self.tries > 5 and self.fault != "no throttle":
            return JSONResponse({"error": "slow down"}, 429)
        told = {"error": "captcha_required"} if self.tries > 2 and self.fault != "no captcha" else {"error": "wrong"}
        return JSONResponse(told, 401)

    def _session(self, authorization: str | None = Header(None)) -> Response:
        return JSONResponse({}, 200 if (authorization or "").removeprefix("Bearer ") in self.sessions else 401)

    def _logout(self, authorization: str | None = Header(None)) -> Response:
        if self.fault != "lingering":
            self.sessions.discard((authorization or "").removeprefix("Bearer "))
        return Response(status_code=204)

    def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if asked["redirect_uri"] != self.redirect and self.fault != "any redirect":
            return JSONResponse({"error": "redirect_uri"}, 400)
        told = {"state": "another" if self.fault == "state" else asked["state"]}
        if request.headers.get("cookie") != COOKIE or self.fault == "signed out":
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({**told, 'error': 'login_required'})}")
        told["code"] = secrets.token_urlsafe(8)
        self.codes[told["code"]] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(told)}")

    async def _token(self, request: Request) -> Response:
        given = {key: value[0] for key, value in parse_qs((await request.body()).decode()).items()}
        asked = self.codes.pop(given["code"], None)
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge or given["client_secret"] != "s3cret":
            return JSONResponse({"error": "invalid_grant"}, 400)
        nonce = "another" if self.fault == "nonce" else asked["nonce"]
        return JSONResponse({"id_token": self.jwt(nonce=nonce), "access_token": self.jwt()})
