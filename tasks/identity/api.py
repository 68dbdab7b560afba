"""One HTTP API, called within bounds: TLS, no redirects, no proxy, a time limit for a call and for all of them."""

import hashlib
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import rfc8785

from spine.clock import Clock
from spine.errors import Broken, Refused, Transient
from spine.identity import Slowed
from spine.plain import clean, cut
from spine.redact import redact_text
from spine.settings.identity import IdentitySettings
from tasks.identity.patience import wanted

_OWN_WAIT = timedelta(seconds=5)
"""A pause this short is waited for within the round. Judgement."""
_IDS = ("x-okta-request-id", "x-request-id", "x-correlation-id", "cf-ray")
_BUSY = frozenset({408, 425, 500, 502, 503, 504})
Headers = Callable[[bool], Mapping[str, str]]
"""Makes the headers that open the API; True = what it made before was refused, make it anew."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            Transient: it is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Transient("the identity provider answers what is no JSON; see what stands in front of it") from error


@dataclass(slots=True)
class Api:
    """The calls of one round to one provider."""

    title: str
    base: str
    limits: IdentitySettings
    clock: Clock
    credential: str
    """Which settings hold what opens it, for the error that says it does not."""
    rounds: int = 1
    """How many rounds' time all calls together may take."""
    open: Headers = lambda _again: {}
    receipts: list[dict[str, Any]] = field(default_factory=list)
    _ends: float = field(init=False)
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        context = ssl.create_default_context()
        if self.limits.ca_file is not None:
            context.load_verify_locations(self.limits.ca_file)
        self._ends = time.monotonic() + self.rounds * self.limits.round_seconds
        self._client = httpx.Client(
            verify=context, trust_env=False, follow_redirects=False,
            headers={"User-Agent": "opsspine", "Accept": "application/json", "Accept-Encoding": "identity"},
        )  # fmt: skip

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def get(
        self, path: str, *, to: str, needs: str = "", params: Mapping[str, str] | None = None, absent: bool = False
    ) -> Any:
        """The JSON at `path`; with `absent`, None where there is nothing (404)."""
        answer = self.call("GET", path, to=to, needs=needs, params=params, absent=absent)
        return None if answer.status == 404 else answer.json()

    def call(
        self,
        method: str,
        path: str,
        *,
        to: str,
        needs: str = "",
        params: Mapping[str, str] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        content: str | None = None,
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
        absent: bool = False,
        hidden: bool = False,
    ) -> Answer:
        """One call, repeated only where it surely was not heard: refused for haste, or with an old token.

        Args:
            to: what it is for, as in "Okta refused to {to}".
            needs: the permission it takes.
            anonymous: True = without the credential, and without a receipt.
            absent: True = 404 is an answer.
            hidden: True = the body bears a secret; the receipt is over the rest.
        """
        request: dict[str, Any] = {"params": params, "json": body, "data": form, "content": content}
        answer = self._repeated(method, path, headers or {}, request, to, anonymous=anonymous)
        if method != "GET" and not anonymous:
            sent = None if hidden else body if content is None else content
            self.receipts.append(_receipt(method, path, sent, answer, to))
        if absent and answer.status == 404:
            return answer
        self._check(answer, to, needs)
        return answer

    def _repeated(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        request: Mapping[str, Any],
        to: str,
        *,
        anonymous: bool,
    ) -> Answer:
        again = False
        while True:
            opened = {} if anonymous else self.open(again)
            answer = self._send(method, path, {**opened, **headers}, request, to)
            if answer.status == 429 and self._waited(answer, to):
                continue
            if answer.status != 401 or again or anonymous:
                return answer
            again = True

    def _waited(self, answer: Answer, to: str) -> bool:
        """True after a short pause the API asked for; for a long one, Slowed."""
        pause = wanted(answer.headers, self.clock.now())
        if pause > _OWN_WAIT or time.monotonic() + pause.total_seconds() >= self._ends:
            raise Slowed(
                f"{self.title} asks to {to} no sooner than in {pause.total_seconds():.0f} s", retry_after=pause
            )
        time.sleep(max(pause.total_seconds(), 0.05))
        return True

    def _send(self, method: str, path: str, headers: Mapping[str, str], request: Mapping[str, Any], to: str) -> Answer:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise Slowed(f"the time for one round at {self.title} is over; it goes on in the next")
        given = {name: value for name, value in request.items() if value is not None}
        seconds = min(self.limits.timeout_seconds, left)
        try:
            with self._client.stream(method, self.base + path, headers=headers, timeout=seconds, **given) as response:
                return Answer(response.status_code, dict(response.headers), self._read(response, seconds, to))
        except httpx.ConnectError as error:
            raise Transient(
                f"{self.title} cannot be reached to {to} ({error}); check its URL and that it is up"
            ) from error
        except httpx.HTTPError as error:
            raise Transient(
                f"the answer of {self.title} was lost on the way to {to}: {type(error).__name__}"
            ) from error

    def _read(self, response: httpx.Response, seconds: float, to: str) -> bytes:
        body, until = bytearray(), time.monotonic() + seconds
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > self.limits.max_body_bytes:
                raise Transient(
                    f"{self.title} answers with more than {self.limits.max_body_bytes} bytes when asked to {to}"
                )
            if time.monotonic() > until:
                raise Transient(f"the answer of {self.title} came too slowly on the way to {to}")
        return bytes(body)

    def _check(self, answer: Answer, to: str, needs: str) -> None:
        status = answer.status
        if 200 <= status < 300:
            return
        if 300 <= status < 400:
            raise Broken(f"{self.title} redirects when asked to {to}, which is not followed; set the URL it lives at")
        if status == 401:
            raise Broken(f"{self.title} does not accept our credential. Renew it ({self.credential}) and start again")
        if status == 403:
            lacks = f"; it needs {needs}" if needs else ""
            raise Broken(f"{self.title} does not let our credential ({self.credential}) {to}{lacks}")
        if status in _BUSY:
            raise Transient(f"{self.title} answered {status} when asked to {to}")
        why = cut(clean(redact_text(answer.body.decode("utf-8", "replace"))), 200)
        raise Refused("identity.refused", f"{self.title} refused to {to}: {status} {why}")


def segment(text: str) -> str:
    """`text` as one segment of a path, whatever is in it.

    Raises:
        Refused: it would change the path all the same.
    """
    if text in {"", ".", ".."}:
        raise Refused("identity.name", f"{text!r} is no name of anybody at an identity provider")
    return quote(text, safe="")


def _receipt(method: str, path: str, body: Any, answer: Answer, to: str) -> dict[str, Any]:
    request = {"method": method, "path": path, "body": body}
    return {
        "to": to,
        "request_sha256": hashlib.sha256(rfc8785.dumps(request)).hexdigest(),
        "status": answer.status,
        "provider_id": next((answer.headers[name] for name in _IDS if name in answer.headers), None),
    }
