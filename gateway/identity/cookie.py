"""The cookie a session lives in."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request, Response

from gateway.context import context_of
from spine.settings import Settings

_PLAIN = "opsspine"
VISIT, CEREMONY = "visit", "ceremony"
"""Of who is not signed in yet; of what a browser has begun (store/ceremonies.py)."""


def secure(settings: Settings) -> bool:
    """False only where people reach the gateway by http on this very machine; browsers keep no secure cookie there."""
    url = urlsplit(settings.gateway.url)
    return url.scheme == "https" or not loopback(url.hostname or "")


def name(settings: Settings, kind: str = "") -> str:
    """`__Host-opsspine`: such a cookie cannot be set for other hosts, other paths or without TLS."""
    plain = f"{_PLAIN}-{kind}" if kind else _PLAIN
    return f"__Host-{plain}" if secure(settings) else plain


def read(request: Request, kind: str = "") -> str | None:
    """What the browser sent of `kind` ("" = the session's token)."""
    return request.cookies.get(name(context_of(request).settings, kind)) or None


def write(request: Request, response: Response, value: str, kind: str = "", *, seconds: float | None = None) -> None:
    """Give the browser a value; without `seconds` until it is closed."""
    settings = context_of(request).settings
    response.set_cookie(
        name(settings, kind), value, max_age=None if seconds is None else int(seconds), path="/",
        secure=secure(settings), httponly=True, samesite="lax",
    )  # fmt: skip


def clear(request: Request, response: Response, kind: str = "") -> None:
    """Take it back."""
    settings = context_of(request).settings
    response.delete_cookie(name(settings, kind), path="/", secure=secure(settings), httponly=True, samesite="lax")


def loopback(host: str) -> bool:
    """True for names and addresses of this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
