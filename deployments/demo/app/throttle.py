"""Token buckets, one per address or name."""

import threading
import time

_MOST_BUCKETS = 50_000


class Throttle:
    """Lets `burst` attempts through at once and `per_minute` after that, for each key by itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}
        """Key to (tokens left, when counted)."""

    def wait_needed(self, key: str, *, per_minute: float, burst: float, now: float | None = None) -> float:
        """Take a token. Returns 0 when there was one, else the seconds until the next."""
        now = time.monotonic() if now is None else now
        capacity = max(1.0, burst)
        with self._lock:
            if len(self._buckets) >= _MOST_BUCKETS:
                self._buckets.clear()
            tokens, counted = self._buckets.get(key, (capacity, now))
            tokens = min(capacity, tokens + (now - counted) * per_minute / 60)
            if tokens >= 1:
                self._buckets[key] = (tokens - 1, now)
                return 0.0
            self._buckets[key] = (tokens, now)
            return (1 - tokens) * 60 / per_minute
