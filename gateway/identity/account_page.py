"""`/admin/auth-ops/me`: one's own sessions, tenant and second factors; and making a Slack account one's own."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from webauthn.helpers import bytes_to_base64url

from gateway.caller import Caller, stepped_up
from gateway.console.page import HOME, Said, query, render
from gateway.console.visitor import AnyVisitor
from gateway.context import context_of
from gateway.identity import cookie, entry, own
from gateway.identity.own_api import credential_id
from gateway.identity.page import codes_page
from gateway.identity.who import session_of
from gateway.problem import Problem
from spine.errors import Refused
from spine.ids import TenantId
from store import account_link, passkeys, people, recovery, sessions

router = APIRouter(include_in_schema=False)
ME, LINK = f"{HOME}/me", account_link.PATH
Text = Annotated[str, Form(max_length=512)]
_SAID = {
    "passkey": "The passkey was added.",
    "removed": "The passkey was removed.",
    "ended": "Every other session of yours was ended.",
    "tenant": "You act in another tenant now.",
    "linked": "The account is yours now.",
}


@router.get(ME)
def me(request: Request, caller: AnyVisitor, done: str = "") -> Response:
    """Everything about oneself."""
    return _me(request, caller, Said(_SAID[done]) if done in _SAID else None)


@router.post(f"{ME}/tenant")
def act_in(request: Request, caller: AnyVisitor, tenant: Text = "", then: Text = "") -> Response:
    """Act in another tenant from now on."""
    person, session = session_of(caller)
    context = context_of(request)
    with context.database.system() as connection:
        if tenant not in sessions.tenants_of(connection, person):
            raise Problem(404, "tenant.unknown", "You have no role in a tenant of this name.")
        sessions.act_in(connection, session, person, TenantId(tenant), now=context.clock.now())
    return _go(query("") if then == "overview" else query("/me", done="tenant"))


@router.post(f"{ME}/sessions")
def end_others(request: Request, caller: AnyVisitor) -> Response:
    """End every other session of one's own."""
    person, session = session_of(caller)
    context = context_of(request)
    with context.database.system() as connection:
        sessions.end_others(connection, session, person, now=context.clock.now())
    return _go(query("/me", done="ended"))


@router.post(f"{ME}/passkeys/remove")
def remove_passkey(request: Request, caller: AnyVisitor, passkey: Text = "") -> Response:
    """Forget a passkey."""
    if away := _step_up_first(request, caller, ME):
        return away
    person, _ = session_of(caller)
    context = context_of(request)
    with context.database.system() as connection:
        if not passkeys.remove(connection, credential_id(passkey), person, now=context.clock.now()):
            raise Problem(404, "passkey.unknown", "You have no such passkey.")
    return _go(query("/me", done="removed"))


@router.get(f"{ME}/authenticator")
def authenticator_page(request: Request, caller: AnyVisitor) -> Response:
    """A new authenticator to be scanned."""
    return _step_up_first(request, caller, f"{ME}/authenticator") or _authenticator(request, caller)


@router.post(f"{ME}/authenticator")
def authenticator(request: Request, caller: AnyVisitor, code: Text = "") -> Response:
    """Take the new authenticator into use; its recovery codes are shown, once."""
    if away := _step_up_first(request, caller, f"{ME}/authenticator"):
        return away
    person, _ = session_of(caller)
    context = context_of(request)
    with context.database.system() as connection:
        codes = entry.enrol(request, connection, person, code[:16], context.clock.now())
    if isinstance(codes, Problem):
        return _authenticator(request, caller, codes)
    answer = codes_page(request, codes, caller.csrf or "", caller)
    cookie.clear(request, answer, cookie.CEREMONY)
    return answer


@router.post(f"{ME}/recovery-codes")
def recovery_codes(request: Request, caller: AnyVisitor) -> Response:
    """New recovery codes, shown once; the old ones end."""
    if away := _step_up_first(request, caller, ME):
        return away
    person, _ = session_of(caller)
    with context_of(request).database.system() as connection:
        codes = own.new_recovery_codes(request, connection, person)
    return codes_page(request, tuple(codes), caller.csrf or "", caller)


@router.get(LINK)
def link_page(request: Request, caller: AnyVisitor, token: str = "") -> Response:
    """Ask whether an account of another system is one's own. Looking does not use the link up."""
    return _link(request, caller, token)


@router.post(LINK)
def link(request: Request, caller: AnyVisitor, link: Text = "") -> Response:
    """Make the account one's own."""
    if away := _step_up_first(request, caller, f"{LINK}?token={link}"):
        return away
    person, _ = session_of(caller)
    context = context_of(request)
    try:
        with context.database.system() as connection:
            now = context.clock.now()
            done = account_link.confirm(connection, link, person, now, settings=context.settings)
    except Refused as error:
        return _link(request, caller, link, str(error))
    return _go(query("/me", done="linked")) if done else _link(request, caller, link)


def _me(request: Request, caller: Caller, said: Said | None) -> Response:
    person, session = session_of(caller)
    context = context_of(request)
    now = context.clock.now()
    with context.database.system() as connection:
        return render(
            request, "me.html", caller=caller, csrf=caller.csrf or "", said=said,
            session=session, tenants=sessions.tenants_of(connection, person),
            passkeys=[(bytes_to_base64url(one.id), one) for one in passkeys.of(connection, person.id)],
            codes_left=recovery.left(connection, person.id),
            accounts=people.accounts(connection, person.id),
            sessions=sessions.live(connection, person.id, now=now, settings=context.settings.signin),
        )  # fmt: skip


def _authenticator(request: Request, caller: Caller, problem: Problem | None = None) -> Response:
    person, _ = session_of(caller)
    with context_of(request).database.system() as connection:
        enrolment = own.begin_totp(request, connection, person)
    page = render(
        request, "authenticator.html", caller=caller, csrf=caller.csrf or "", enrolment=enrolment,
        status=problem.status if problem else 200, said=Said(problem.detail, "bad") if problem else None,
    )  # fmt: skip
    cookie.write(request, page, enrolment.ceremony, cookie.CEREMONY)
    return page


def _link(request: Request, caller: Caller, token: str, wrong: str = "") -> Response:
    context = context_of(request)
    with context.database.system() as connection:
        account = account_link.look(connection, token, context.clock.now(), settings=context.settings)
    return render(
        request, "link_account.html", caller=caller, csrf=caller.csrf or "", account=account, link=token,
        status=200 if account and not wrong else 409, said=Said(wrong, "bad") if wrong else None,
    )  # fmt: skip


def _step_up_first(request: Request, caller: Caller, next: str) -> Response | None:
    """Where somebody is sent whose second factor is too old; None = it is fresh."""
    try:
        stepped_up(caller, request)
    except Problem:
        return _go(query("/step-up", next=next))
    return None


def _go(target: str) -> RedirectResponse:
    return RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})
