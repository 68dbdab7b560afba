"""Against requests that another site makes in a signed-in browser.

Each session has a token of its own, made at sign-in. It is asked of every unsafe request that carries the cookie,
also where the browser says `Sec-Fetch-Site: same-origin`: what the browser says is a second wall (a foreign origin is
refused even with a token), not a replacement, as not every client says it.
"""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import urlsplit

from fastapi import Request

from gateway.context import context_of
from gateway.problem import Problem

HEADER, FIELD = "x-csrf-token", "csrf"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def token_of(cookie: str) -> str:
    """The token of who is not signed in yet, by their visit's cookie; it tells nothing about the cookie."""
    return urlsafe_b64encode(hmac.digest(cookie.encode(), b"opsspine csrf v1", sha256)).decode().rstrip("=")


async def shown(request: Request) -> str:
    """The token of an unsafe request: from the header, else from the form; "" = there is none."""
    if request.method in _SAFE:
        return ""
    if header := request.headers.get(HEADER):
        return header
    if request.headers.get("content-type", "").split(";")[0].strip().lower() in _FORMS:
        found = (await request.form()).get(FIELD)
        return found if isinstance(found, str) else ""
    return ""


def check(request: Request, expected: str, token: str) -> None:
    """Let pass what this site's own pages ask: those that carry the `expected` token.

    Raises:
        Problem: 403.
    """
    if request.method in _SAFE:
        return
    same_site(request)
    if not hmac.compare_digest(token.encode(), expected.encode()):
        detail = (
            f"The page's token is missing or old, so nothing was done. Load the page again and repeat; a program "
            f"sends the token of `GET /api/ops/session` as {HEADER.title()}, or uses an API key."
        )
        raise Problem(403, "csrf.token", detail)


def same_site(request: Request) -> None:
    """Refuse what a browser says comes from a page of another site.

    Raises:
        Problem: 403.
    """
    if _foreign(request):
        raise Problem(403, "csrf.origin", "This request came from a page of another site, so nothing was done.")


def _foreign(request: Request) -> bool:
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("origin")
    if origin is None:
        return False
    ours = {request.headers.get("host", ""), urlsplit(context_of(request).settings.gateway.url).netloc}
    return urlsplit(origin).netloc not in ours
