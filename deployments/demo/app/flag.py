"""The protections an operator can switch on, read with OpenFeature over OFREP."""

import threading
import time
from dataclasses import dataclass
from typing import Protocol

from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

DENY = "auth.ipDeny.enabled"
THROTTLE = "auth.ipThrottle.enabled"
STRICT_RATE = "auth.rateLimit.strict"
CAPTCHA = "auth.captcha.required"

_DOMAIN = "shop"
_MOST_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class Protection:
    """One flag's answer for one address; the rest says how hard, and what is counted together."""

    on: bool = False
    per_minute: float = 6
    burst: float = 2
    per_user: bool = False
    """Count attempts by the name tried instead of by address."""


OFF = Protection()


class Protections(Protocol):
    """Tells which protections are on for an address."""

    def check(self, key: str, ip: str) -> Protection:
        """The state of the flag `key` for `ip`; never raises."""
        ...


class NoProtections:
    """The application with its flags unplugged: everything at its default."""

    def check(self, key: str, ip: str) -> Protection:
        """Off, always."""
        return OFF


class OpenFeatureProtections:
    """Flags of a remote server, remembered for at most a second; a server that is down means defaults."""

    def __init__(self, url: str, key: str, *, cache_seconds: float, timeout_seconds: float) -> None:
        self._cache_seconds = cache_seconds
        self._cache: dict[tuple[str, str], tuple[float, Protection]] = {}
        self._down_until = 0.0
        self._lock = threading.Lock()
        headers = {"Authorization": f"Bearer {key}"}
        provider = OFREPProvider(url, headers_factory=lambda: headers, timeout=timeout_seconds)
        api.set_provider_and_wait(provider, domain=_DOMAIN)
        self._client: OpenFeatureClient = api.get_client(domain=_DOMAIN)

    def check(self, key: str, ip: str) -> Protection:
        """What the server said within the last second, or says now."""
        now = time.monotonic()
        with self._lock:
            known = self._cache.get((key, ip))
        if known and known[0] > now:
            return known[1]
        if now < self._down_until:
            return OFF
        answer = self._evaluate(key, ip)
        with self._lock:
            if len(self._cache) >= _MOST_CACHED:
                self._cache.clear()
            self._cache[key, ip] = (now + self._cache_seconds, answer)
        return answer

    def _evaluate(self, key: str, ip: str) -> Protection:
        context = EvaluationContext(targeting_key=ip, attributes={"ip": ip})
        details = self._client.get_boolean_details(key, False, context)
        if details.error_code is not None and "FLAG_NOT_FOUND" not in str(details.error_code):
            # one slow answer is enough: nobody else waits for a server that is down
            self._down_until = time.monotonic() + self._cache_seconds
        metadata = details.flag_metadata
        return Protection(
            on=bool(details.value),
            per_minute=_positive(metadata.get("perMinute"), OFF.per_minute),
            burst=_positive(metadata.get("burst"), OFF.burst),
            per_user=metadata.get("scope") == "user",
        )


def _positive(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else default
