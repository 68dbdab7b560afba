"""Signing in by the organisation's identity provider: there, and back with a code."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from datetime import timedelta
from hashlib import sha256

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from gateway import ratelimit
from gateway.auth import refused
from gateway.console.page import HOME, local
from gateway.context import context_of
from gateway.identity import cookie, csrf, entry
from gateway.identity.directory import person_of, provider_of
from gateway.identity.factor import vault_of
from gateway.identity.oidc import Provider, Untrusted, second_factor_at
from gateway.identity.page import sign_in_again
from gateway.identity.who import let_in
from gateway.problem import Problem
from spine.session import fresh
from store import ceremonies
from store.ceremonies import Ceremony

router = APIRouter(include_in_schema=False)
START, BACK = f"{HOME}/sign-in/oidc", f"{HOME}/sign-in/oidc/back"
_REFUSED = (
    "The identity provider's answer was not accepted, so nobody was signed in. Start again; if it says so again, ask "
    "an operator whether your address there is the one you have here."
)


@router.get(START)
def start(request: Request, next: str = HOME) -> Response:
    """Send the browser to the provider. What it must bring back is bound to this browser by a cookie."""
    context = context_of(request)
    now, provider = context.clock.now(), provider_of(request)
    nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    ratelimit.by_address(request)
    with context.database.system() as connection:
        value = ceremonies.begin(
            connection, Ceremony.OIDC, {"nonce": nonce, "verifier": verifier, "next": local(next)},
            vault=vault_of(context), now=now, lasts=timedelta(minutes=context.settings.signin.ceremony_minutes),
        )  # fmt: skip
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    target = provider.authorization_url(
        redirect_uri=_redirect_uri(request), state=csrf.token_of(value), nonce=nonce, challenge=challenge, now=now
    )
    answer = RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})
    cookie.write(request, answer, value, cookie.CEREMONY)
    return answer


@router.get(BACK)
def back(request: Request, code: str = "", state: str = "", iss: str = "", error: str = "") -> Response:
    """Take the provider's answer."""
    provider = provider_of(request)
    try:
        if error or (iss and iss != provider.issuer):
            raise Untrusted(f"the provider answered {error[:60]!r} as {iss[:60]!r}")
        answer, inside = _enter(request, provider, code, state)
    except Untrusted as reason:
        refused(context_of(request), request, f"oidc: {reason}"[:200], "oidc")
        return sign_in_again(request, Problem(401, "oidc.refused", _REFUSED))
    let_in(request, answer, inside)
    return answer


def _enter(request: Request, provider: Provider, code: str, state: str) -> tuple[Response, entry.Entered]:
    context, value = context_of(request), cookie.read(request, cookie.CEREMONY) or ""
    now = context.clock.now()
    if not hmac.compare_digest(state.encode(), csrf.token_of(value).encode()):
        raise Untrusted("the answer belongs to another browser")
    with context.database.system() as connection:
        begun = ceremonies.finish(connection, Ceremony.OIDC, value, vault=vault_of(context), now=now)
    if begun is None:
        raise Untrusted("the sign-in was begun too long ago, or finished before")
    claims = provider.exchange(
        code, redirect_uri=_redirect_uri(request), verifier=begun.content["verifier"],
        nonce=begun.content["nonce"], now=now,
    )  # fmt: skip
    settings = context.settings.signin
    shown_at, max_age = second_factor_at(claims, settings.oidc), timedelta(seconds=settings.stepup_seconds)
    with context.database.system() as connection:
        person = person_of(request, connection, claims, provider.issuer)
        inside = entry.by_oidc(request, connection, person, second_factor=fresh(shown_at, now, max_age))
    return RedirectResponse(local(begun.content["next"]), 303, headers={"Cache-Control": "no-store"}), inside


def _redirect_uri(request: Request) -> str:
    return f"{context_of(request).settings.gateway.url}{BACK}"
