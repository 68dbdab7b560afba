"""The organisation's identity provider: discovery, keys, the code exchanged, and whether its tokens hold.

What a token says of its own signature (`alg`, `kid`, `jku`, `x5u`) is never followed further than to choose among the
provider's published keys; which algorithms count is said by the settings, and no shared-secret one can be named there.
"""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from gateway.identity.cookie import loopback
from gateway.problem import Problem
from spine.settings.signin import OidcSettings

_ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
_TYPES = ("jwt", "at+jwt", "application/at+jwt")
_LARGEST = 1024 * 1024
"""Bytes of a document; a provider's are a hundredth of that."""


class Untrusted(Exception):
    """A token does not hold; the text says why, for the record and not for who showed it."""


class Provider:
    """One identity provider. Its documents are kept for a while; safe to use from several threads."""

    def __init__(self, settings: OidcSettings, client: httpx.Client | None = None) -> None:
        assert settings.issuer is not None
        self.settings, self.issuer = settings, settings.issuer
        self._client = client or httpx.Client(timeout=settings.timeout_seconds, follow_redirects=False)
        self._lock = threading.Lock()
        self._document: tuple[datetime, dict[str, Any]] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    def authorization_url(self, *, redirect_uri: str, state: str, nonce: str, challenge: str, now: datetime) -> str:
        """Where the browser is sent to sign in: code flow with PKCE.

        Raises:
            Problem: 503, the provider does not answer.
        """
        asked = {
            "response_type": "code", "client_id": self.settings.client_id, "redirect_uri": redirect_uri,
            "scope": "openid email profile", "state": state, "nonce": nonce,
            "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        endpoint = self._endpoint("authorization_endpoint", now)
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    def exchange(self, code: str, *, redirect_uri: str, verifier: str, nonce: str, now: datetime) -> Mapping[str, Any]:
        """The claims of the id token that `code` stands for.

        Raises:
            Untrusted: the provider refuses the code, or its token does not hold.
            Problem: 503, the provider does not answer.
        """
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
            "client_id": self.settings.client_id, "code_verifier": verifier,
        }  # fmt: skip
        secret = self.settings.client_secret
        auth = (self.settings.client_id, secret.get_secret_value()) if secret else None
        answer = self._ask("POST", self._endpoint("token_endpoint", now), data=form, auth=auth)
        if answer.status_code != 200:
            raise Untrusted(f"the token endpoint answered {answer.status_code}")
        token = _json(answer).get("id_token")
        if not isinstance(token, str):
            raise Untrusted("the token endpoint gave no id token")
        claims = self.claims(token, audience=self.settings.client_id, now=now)
        if claims.get("nonce") != nonce:
            raise Untrusted("the id token bears another nonce")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1  # then it must say whose it is
        if claims.get("azp", None if several else self.settings.client_id) != self.settings.client_id:
            raise Untrusted("the id token was made for another party")
        return claims

    def claims(self, token: str, *, audience: str, now: datetime) -> Mapping[str, Any]:
        """The claims of a signed token that is this provider's, for `audience`, and in time.

        Raises:
            Untrusted: it is not.
            Problem: 503, the provider's keys cannot be had.
        """
        allowed = [name for name in self.settings.algorithms if name in _ASYMMETRIC]
        try:
            decoded = self._decoded(token, allowed, now)
            if str(decoded.header.get("typ", "JWT")).lower() not in _TYPES:
                raise Untrusted("it is a token of another type")
            jwt.JWTClaimsRegistry(
                now=int(now.timestamp()), leeway=self.settings.skew_seconds,
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": audience},
                exp={"essential": True}, iat={"essential": True}, sub={"essential": True},
            ).validate(decoded.claims)  # fmt: skip
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise Untrusted(f"{type(error).__name__}: {error}") from error
        return decoded.claims

    def _decoded(self, token: str, allowed: list[str], now: datetime) -> jwt.Token:
        try:
            return jwt.decode(token, self._published(now), algorithms=allowed)
        except InvalidKeyIdError:
            # the provider may have changed its keys since we asked
            return jwt.decode(token, self._published(now, again=True), algorithms=allowed)

    def _published(self, now: datetime, *, again: bool = False) -> KeySet:
        """Its keys; `again` asks anew unless that was done a moment ago: made-up key ids must not make us ask."""
        with self._lock:
            age = now - self._keys[0] if self._keys else None
            longest = self.settings.keys_pause_seconds if again else self.settings.keys_minutes * 60
            if self._keys is not None and age is not None and age < timedelta(seconds=longest):
                return self._keys[1]
        document = _json(self._ask("GET", self._endpoint("jwks_uri", now)))
        try:
            keys = KeySet.import_key_set({"keys": [one for one in document["keys"] if one.get("kty") != "oct"]})
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise _unreachable("its keys make no sense") from error
        with self._lock:
            self._keys = (now, keys)
        return keys

    def _endpoint(self, name: str, now: datetime) -> str:
        with self._lock:
            known = self._document
        if known is None or now - known[0] >= timedelta(minutes=self.settings.keys_minutes):
            found = _json(self._ask("GET", self.issuer.rstrip("/") + "/.well-known/openid-configuration"))
            if found.get("issuer") != self.issuer:
                raise _unreachable("its discovery document names another issuer")
            known = (now, found)
            with self._lock:
                self._document = known
        endpoint = known[1].get(name)
        if not isinstance(endpoint, str) or not _safe(endpoint):
            raise _unreachable(f"its {name} is missing or not https")
        return endpoint

    def _ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        if not _safe(url):
            raise _unreachable("its address is not https")
        try:
            answer = self._client.request(method, url, headers={"Accept": "application/json"}, **more)
        except httpx.HTTPError as error:
            raise _unreachable(type(error).__name__) from error
        if len(answer.content) > _LARGEST or answer.status_code >= 500:
            raise _unreachable(f"it answered {answer.status_code} with {len(answer.content)} bytes")
        return answer


def second_factor_at(claims: Mapping[str, Any], settings: OidcSettings) -> datetime | None:
    """When a second factor was shown to the provider, by its `acr`, `amr` and `auth_time`; None = it does not say."""
    amr, at = claims.get("amr"), claims.get("auth_time")
    said = {claims.get("acr"), *(one for one in (amr if isinstance(amr, list) else []) if isinstance(one, str))}
    if said.isdisjoint(settings.mfa_values) or isinstance(at, bool) or not isinstance(at, int | float):
        return None
    return _moment(at)


def _moment(at: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and loopback(parts.hostname or ""))


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError as error:
        raise _unreachable("it does not answer in JSON") from error
    if not isinstance(found, dict):
        raise _unreachable("it does not answer with a JSON object")
    return found


def _unreachable(because: str) -> Problem:
    detail = f"The identity provider cannot be used now ({because}). Sign in with a passkey or a link, or try again."
    return Problem(503, "oidc.unreachable", detail, headers={"Retry-After": "10"})
