"""A question that people answer and scripts do not: simple sums, signed so that nothing is stored."""

import hashlib
import hmac
import secrets
import threading
import time

_LIFE_SECONDS = 120


class Captcha:
    """Asks and checks. Each question can be answered once."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()

    def question(self) -> tuple[str, str]:
        """(the question, the token to send back with the answer)."""
        a, b = secrets.randbelow(9) + 1, secrets.randbelow(9) + 1
        nonce, until = secrets.token_hex(8), int(time.time()) + _LIFE_SECONDS
        return f"{a} + {b}", f"{nonce}.{until}.{self._sign(nonce, until, a + b)}"

    def passed(self, token: str, answer: str) -> bool:
        """True for the right answer to a fresh question."""
        try:
            nonce, until, signature = token.split(".")
            expected = self._sign(nonce, int(until), int(answer))
        except ValueError:
            return False
        now = time.time()
        if not hmac.compare_digest(signature, expected) or now > int(until):
            return False
        with self._lock:
            self._used = {n: t for n, t in self._used.items() if t > now}
            fresh = nonce not in self._used
            self._used[nonce] = float(until)
        return fresh

    def _sign(self, nonce: str, until: int, total: int) -> str:
        return hmac.new(self._secret, f"{nonce}.{until}.{total}".encode(), hashlib.sha256).hexdigest()
