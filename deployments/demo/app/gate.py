"""What a login attempt must pass before its password is looked at."""

from dataclasses import dataclass
from math import ceil

from deployments.demo.app.captcha import Captcha
from deployments.demo.app.flag import CAPTCHA, DENY, STRICT_RATE, THROTTLE, Protections
from deployments.demo.app.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an attempt goes no further: the answer's status, the event to write and the words to show."""

    status: int
    event: str
    message: str
    retry_after: int | None = None


_BLOCKED = Refusal(403, "login_blocked", "Sign-in is not possible from your network at the moment.")
_ASK = Refusal(428, "captcha_shown", "Please answer the question below; your password still works.")


class Gate:
    """Applies the protections that are on, hardest first."""

    def __init__(self, protections: Protections, captcha: Captcha) -> None:
        self._protections = protections
        self._captcha = captcha
        self._throttles = {THROTTLE: Throttle(), STRICT_RATE: Throttle()}

    def refusal(self, ip: str, name: str, captcha_token: str, captcha_answer: str) -> Refusal | None:
        """Why this attempt is refused, or None when its password may be checked."""
        if self._protections.check(DENY, ip).on:
            return _BLOCKED
        return self._too_fast(ip, name) or self._unanswered(ip, captcha_token, captcha_answer)

    def asks(self, ip: str) -> bool:
        """True when `ip` has to answer a question before it may log in."""
        return self._protections.check(CAPTCHA, ip).on

    def _too_fast(self, ip: str, name: str) -> Refusal | None:
        for key, throttle in self._throttles.items():
            limit = self._protections.check(key, ip)
            if not limit.on:
                continue
            counted = name if limit.per_user else ip
            wait = throttle.wait_needed(counted, per_minute=limit.per_minute, burst=limit.burst)
            if wait:
                return Refusal(429, "login_throttled", "Too many attempts. Please wait a little.", ceil(wait))
        return None

    def _unanswered(self, ip: str, token: str, answer: str) -> Refusal | None:
        if self.asks(ip) and not self._captcha.passed(token, answer):
            return _ASK
        return None
