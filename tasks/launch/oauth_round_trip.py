"""oauth_round_trip: a synthetic user signs in through each provider, and what must be refused there is refused.

The user is signed in at the provider already (a session cookie), so that `prompt=none` gives the code at once.
Source: OpenID Connect Core 3.1.2.1 (prompt), RFC 7636 (PKCE), RFC 9700 2.1 (redirect URIs match exactly).
"""

import base64
import hashlib
import json
import secrets
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from spine.diagnostic import Answer, Check, Receipt, State
from spine.errors import Refused, Transient
from spine.launch import Item
from spine.settings.launch import OauthClientSettings
from spine.settings.probe import OidcSettings
from tasks.diagnostics.probe.failure import failed
from tasks.diagnostics.probe.guard import Response
from tasks.diagnostics.probe.oidc import discovery
from tasks.launch import LaunchCheck, Ports, unset

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"]


async def run(ports: Ports) -> Answer:
    """Every provider of the settings: the whole code flow, then the same with a foreign redirect URI."""
    providers, clients = ports.settings.probe.oidc, ports.settings.launch.oauth
    if not providers:
        because = "no identity provider is configured; set OPSSPINE_PROBE__OIDC and OPSSPINE_LAUNCH__OAUTH"
        return Answer(CHECK.item.key, (Check("providers", State.UNKNOWN, because),))
    checks: list[Check] = []
    receipts: list[Receipt] = []
    for name, provider in sorted(providers.items()):
        if name not in clients or clients[name].session_cookie is None:
            checks.append(unset(f"{name}.round_trip", "OAUTH (client and session_cookie of every provider)"))
            continue
        trip = _Trip(ports, name, provider, clients[name])
        try:
            await trip.play()
        except (Refused, Transient) as error:
            trip.checks.append(failed(f"{name}.{trip.stage}", error))
        checks += trip.checks
        receipts += trip.receipts
    return Answer(CHECK.item.key, tuple(checks), tuple(receipts))


class _Trip:
    """One round trip through one provider."""

    def __init__(self, ports: Ports, name: str, provider: OidcSettings, client: OauthClientSettings) -> None:
        self.ports, self.name, self.provider, self.client = ports, name, provider, client
        self.checks: list[Check] = []
        self.receipts: list[Receipt] = []
        self.stage = "discovery"
        self.state, self.nonce, self.verifier = (secrets.token_urlsafe(32) for _ in range(3))

    async def play(self) -> None:
        document, answer = await discovery(self.ports.guard, self.name, self.provider)
        self.receipts.append(answer.receipt)
        if document.get("issuer") != self.provider.issuer:
            self._add(State.BAD, "the provider names another issuer than the settings; trust no token of it")
            return
        authorize = str(document.get("authorization_endpoint"))
        self.stage = "foreign_redirect"
        await self._foreign(authorize)
        self.stage = "code"
        code = await self._code(authorize)
        if code is None:
            return
        self.stage = "token"
        token = await self._token(str(document.get("token_endpoint")), code)
        if token is not None:
            self.stage = "id_token"
            await self._sound(token, str(document.get("jwks_uri")))

    async def _foreign(self, authorize: str) -> None:
        """A redirect URI that nobody registered must not be followed, whoever asks."""
        foreign = "https://launch-check.invalid/callback"
        answer = await self._authorize(authorize, foreign)
        led = answer.headers.get("location", "")
        if led.lower().startswith("https://launch-check.invalid"):
            because = (
                "a code was sent to a redirect URI nobody registered: anybody can steal sign-ins; register exactly"
            )
            self._add(State.BAD, because)
        else:
            self._add(State.OK, f"a foreign redirect URI is not followed ({answer.status})")

    async def _code(self, authorize: str) -> str | None:
        answer = await self._authorize(authorize, self.client.redirect_uri)
        led = answer.headers.get("location", "")
        if not 300 <= answer.status < 400 or not led.startswith(self.client.redirect_uri):
            because = f"answered with {answer.status} and no redirect to the client; see client and redirect URI there"
            self._add(State.BAD, because)
            return None
        given = {key: values[0] for key, values in parse_qs(urlsplit(led).query).items()}
        if given.get("state") != self.state:
            self._add(State.BAD, "the state did not come back as it was sent; a callback must refuse that, ask why")
            return None
        if "error" in given:
            told = ascii(given["error"])[:80]
            because = f"the provider says {told}; sign the synthetic user in anew and renew session_cookie"
            state = State.UNKNOWN if given["error"] in _SIGNED_OUT else State.BAD
            self._add(state, because)
            return None
        self._add(State.OK, "a code came back with the state that was sent")
        return given.get("code", "")

    async def _authorize(self, url: str, redirect_uri: str) -> Response:
        challenge = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code", "client_id": self.client.client_id, "redirect_uri": redirect_uri,
            "scope": self.client.scope, "state": self.state, "nonce": self.nonce, "prompt": "none",
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }  # fmt: skip
        assert self.client.session_cookie is not None
        joined = "&" if urlsplit(url).query else "?"
        answer = await self.ports.guard.fetch(
            f"{url}{joined}{urlencode(asked)}", asked=f"authorization at {self.name}", redirects=True,
            headers={"Cookie": self.client.session_cookie.get_secret_value()},
        )  # fmt: skip
        self.receipts.append(answer.receipt)
        return answer

    async def _token(self, url: str, code: str) -> str | None:
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self.client.redirect_uri,
            "client_id": self.client.client_id, "code_verifier": self.verifier,
        }  # fmt: skip
        if self.client.client_secret is not None:
            form["client_secret"] = self.client.client_secret.get_secret_value()
        answer = await self.ports.guard.fetch(
            url, asked=f"token of {self.name}", method="POST", content=urlencode(form).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        )  # fmt: skip
        found = _object(answer.body)
        if answer.status != 200 or not isinstance(found.get("id_token"), str):
            told = ascii(found.get("error", "no id_token"))[:80]
            self._add(
                State.BAD, f"the code is answered with {answer.status} ({told}); see secret, PKCE and redirect URI"
            )
            return None
        self._add(State.OK, "the code was exchanged")
        return str(found["id_token"])

    async def _sound(self, token: str, url: str) -> None:
        answer = await self.ports.guard.fetch(url, asked=f"key set of {self.name}")
        self.receipts.append(answer.receipt)
        claims = jwt.JWTClaimsRegistry(
            now=int(self.ports.clock.now().timestamp()), leeway=60,
            iss={"essential": True, "value": self.provider.issuer},
            aud={"essential": True, "value": self.client.client_id},
            nonce={"essential": True, "value": self.nonce}, exp={"essential": True},
        )  # fmt: skip
        try:
            found = jwt.decode(token, KeySet.import_key_set(json.loads(answer.body)), algorithms=_ALGORITHMS)
            claims.validate(found.claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            because = (
                f"the ID token does not check ({type(error).__name__}); see issuer, audience, nonce, keys and clock"
            )
            self._add(State.BAD, because)
            return
        self._add(State.OK, "the ID token checks: signature, issuer, audience, nonce, time")

    def _add(self, state: State, because: str) -> None:
        self.checks.append(Check(f"{self.name}.{self.stage}", state, because))


_SIGNED_OUT = frozenset({"login_required", "interaction_required", "consent_required", "account_selection_required"})


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


CHECK = LaunchCheck(
    item=Item(key="oauth_round_trip", title="Signing in through every provider works"),
    run=run,
    looks_at="The whole code flow with PKCE, state and nonce for a synthetic user, its ID token; a redirect URI that "
    "nobody registered must not be followed.",
)
