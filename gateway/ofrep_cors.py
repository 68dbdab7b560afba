"""Which pages may read flags in the browser: cross-origin requests, for the flag endpoints alone."""

from collections.abc import Sequence

_ALLOWED = {
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, x-api-key, content-type, if-none-match, x-request-id",
    "Access-Control-Max-Age": "600",
}
_EXPOSED = b"ETag, Retry-After, X-Request-ID"


class Origins:
    """The origins an operator allowed (`https://app.example.org`), or `*` for all of them."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._every = "*" in allowed
        self._allowed = frozenset(origin.rstrip("/").encode() for origin in allowed)

    def headers(self, origin: bytes | None) -> list[tuple[bytes, bytes]]:
        """What every answer to `origin` carries; nothing for one that is not allowed. No cookies are ever allowed."""
        if not self._may(origin) or origin is None:
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"Origin"),
        ]

    def preflight(self, origin: bytes | None) -> dict[str, str]:
        """What a browser asks before it sends a key."""
        return dict(_ALLOWED) if self._may(origin) else {}

    def _may(self, origin: bytes | None) -> bool:
        return origin is not None and (self._every or origin in self._allowed)
