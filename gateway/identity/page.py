"""Signing in, out and up at /admin/auth-ops: plain forms, which passkeys (JavaScript) only shorten."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from gateway import ratelimit
from gateway.auth import refused
from gateway.caller import Caller, signed_in, stepped_up
from gateway.console.page import HOME, Said, local, query, render
from gateway.console.visitor import AnyVisitor
from gateway.context import context_of
from gateway.identity import cookie, csrf, entry, factor, own
from gateway.identity.factor import Shown, vault_of
from gateway.identity.who import let_in, session_of, stepped
from gateway.problem import Problem
from store import links, passkeys, people, sessions

router = APIRouter(include_in_schema=False)
FILES = Path(__file__).with_name("static")
MOUNT = f"{HOME}/identity"
Text = Annotated[str, Form(max_length=512)]


@router.get(f"{HOME}/sign-in")
def sign_in_page(request: Request, next: str = HOME) -> Response:
    """The ways in. Who is signed in already is sent on, by way of a second factor where the last one is old."""
    caller = signed_in(request)
    if caller is None:
        return _sign_in(request, local(next))
    if _fresh(request, caller):
        return _go(local(next))
    return _go(query("/step-up", next=local(next)))


@router.post(f"{HOME}/sign-in")
def sign_in(
    request: Request, email: Text = "", recovery_code: Text = "", code: Text = "", next: Text = HOME,
    token: Annotated[str, Form(alias="csrf")] = "",
) -> Response:  # fmt: skip
    """Sign in by a recovery code and a code of the authenticator."""
    try:
        _own_form(request, token)
        answer = _go(local(next))
        let_in(request, answer, entry.by_recovery(request, email, recovery_code, code))
    except Problem as problem:
        return _sign_in(request, local(next), problem, email=email)
    return answer


@router.get(f"{HOME}/sign-in/link")
def link_page(request: Request, token: str = "") -> Response:
    """What a link leads to. Looking at it does not use it up, for mail programs look as well."""
    return _link(request, token)


@router.post(f"{HOME}/sign-in/link")
def by_link(
    request: Request, link: Text = "", code: Text = "", recovery_code: Text = "",
    token: Annotated[str, Form(alias="csrf")] = "",
) -> Response:  # fmt: skip
    """Sign in by a link and a second factor; a new authenticator's recovery codes are shown, once."""
    try:
        _own_form(request, token)
        inside = entry.by_link(request, link, Shown(code=code[:16], recovery_code=recovery_code[:64]))
        answer: Response = _go(HOME)
        if isinstance(inside, entry.Entered) and inside.recovery_codes:
            answer = codes_page(request, inside.recovery_codes, inside.session.csrf)
        let_in(request, answer, inside)
    except Problem as problem:
        return _link(request, link, problem)
    return answer


@router.get(f"{HOME}/step-up")
def step_up_page(request: Request, caller: AnyVisitor, next: str = HOME) -> Response:
    """Ask for a second factor."""
    return _step_up(request, caller, local(next))


@router.post(f"{HOME}/step-up")
def step_up(
    request: Request, caller: AnyVisitor, code: Text = "", recovery_code: Text = "", next: Text = HOME
) -> Response:
    """Show a second factor, and go on to where it was asked for."""
    person, _ = session_of(caller)
    context = context_of(request)
    now, shown, answer = context.clock.now(), Shown(code=code[:16], recovery_code=recovery_code[:64]), _go(local(next))
    try:
        with context.database.system() as connection:
            ratelimit.by_person(request, connection, person.id, now=now)
            result = factor.check(request, connection, person, shown, now)
            if not isinstance(result, Problem):
                stepped(request, answer, connection, caller, result.how)
                return answer
        refused(context, request, result.code, caller.actor, caller.tenant)
    except Problem as problem:
        result = problem
    return _step_up(request, caller, local(next), result)


@router.post(f"{HOME}/sign-out")
def sign_out(request: Request, caller: AnyVisitor) -> Response:
    """End the session; the page to sign in again says so."""
    person, session = session_of(caller)
    context = context_of(request)
    with context.database.system() as connection:
        sessions.end(connection, session, person, now=context.clock.now())
    answer = _go(query("/sign-in"))
    cookie.clear(request, answer)
    return answer


def sign_in_again(request: Request, problem: Problem) -> Response:
    """The page to sign in, with what went wrong."""
    return _sign_in(request, HOME, problem)


def codes_page(request: Request, codes: tuple[str, ...], form_token: str, caller: Caller | None = None) -> Response:
    """Recovery codes, shown now and never again."""
    return render(request, "recovery_codes.html", caller=caller, csrf=form_token, codes=codes)


def _sign_in(request: Request, next: str, problem: Problem | None = None, email: str = "") -> Response:
    visit = _visit(request)
    oidc = context_of(request).settings.signin.oidc
    page = render(
        request, "sign_in.html", csrf=csrf.token_of(visit), next=next, email=email,
        oidc=oidc.name if oidc.issuer else None, **_told(problem),
    )  # fmt: skip
    cookie.write(request, page, visit, cookie.VISIT)
    return page


def _link(request: Request, token: str, problem: Problem | None = None) -> Response:
    """The link's page; one that enrols shows a new QR code each time."""
    context, visit, enrolment = context_of(request), _visit(request), None
    now = context.clock.now()
    try:
        ratelimit.by_address(request)
        with context.database.system() as connection:
            subject = links.look(connection, "sign-in", token, vault=vault_of(context), now=now)
            person = people.get(connection, subject["person"]) if subject else None
            if not entry.may_enter(person):
                problem = problem or Problem(401, "signin.link", entry.LINK_OVER)
            elif subject and subject["enrols"]:
                enrolment = own.begin_totp(request, connection, person)
    except Problem as limited:
        person, problem = None, limited
    page = render(
        request, "sign_in_link.html", csrf=csrf.token_of(visit), person=person if entry.may_enter(person) else None,
        link=token, enrolment=enrolment, **_told(problem),
    )  # fmt: skip
    cookie.write(request, page, visit, cookie.VISIT)
    if enrolment:
        cookie.write(request, page, enrolment.ceremony, cookie.CEREMONY)
    return page


def _step_up(request: Request, caller: Caller, next: str, problem: Problem | None = None) -> Response:
    person, _ = session_of(caller)
    with context_of(request).database.system() as connection:
        known = passkeys.of(connection, person.id)
    return render(
        request, "step_up.html", caller=caller, csrf=caller.csrf or "", next=next,
        passkeys=len(known), minutes=int(context_of(request).settings.signin.stepup_seconds // 60), **_told(problem),
    )  # fmt: skip


def _told(problem: Problem | None) -> dict[str, Any]:
    """What a page says of what went wrong."""
    if problem is None:
        return {}
    headers: Mapping[str, str] = problem.headers
    return {"said": Said(problem.detail, "bad"), "status": problem.status, "headers": headers}


def _fresh(request: Request, caller: Caller) -> bool:
    try:
        stepped_up(caller, request)
    except Problem:
        return False
    return True


def _visit(request: Request) -> str:
    return cookie.read(request, cookie.VISIT) or secrets.token_urlsafe(32)


def _own_form(request: Request, token: str) -> None:
    """The form came from our own page, in the browser it was made for."""
    csrf.check(request, csrf.token_of(cookie.read(request, cookie.VISIT) or secrets.token_urlsafe(32)), token)


def _go(target: str) -> RedirectResponse:
    return RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})
