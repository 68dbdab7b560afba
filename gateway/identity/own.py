"""One's own second factors: an authenticator with its QR code, passkeys, recovery codes. All need a fresh step-up."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import qrcode
from fastapi import Request
from sqlalchemy import Connection

from gateway.context import context_of
from gateway.identity import cookie, passkey
from gateway.identity.factor import vault_of
from gateway.problem import Problem
from spine import totp
from spine.audit import AuditAction
from spine.ids import NO_TENANT
from spine.person import Person
from store import audit, ceremonies, passkeys, recovery
from store.ceremonies import Ceremony
from store.passkeys import Passkey

_MOST_PASSKEYS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A new authenticator that was not confirmed yet."""

    uri: str
    secret: str
    """For who cannot scan."""
    svg: str
    """The URI as a QR code."""
    ceremony: str
    """What the browser's cookie must say when its first code comes."""


def begin_totp(request: Request, connection: Connection, person: Person) -> Enrolment:
    """Make an authenticator's secret. It counts for nothing until `entry.enrol` has seen its first code."""
    context = context_of(request)
    secret = totp.new_secret()
    value = _begin(request, connection, Ceremony.TOTP, {"secret": secret}, person)
    uri = totp.enrolment_uri(secret, person.email, f"{context.settings.app_name} ops")
    return Enrolment(uri=uri, secret=secret, svg=qr_svg(uri), ceremony=value)


def qr_svg(content: str) -> str:
    """`content` as a QR code in SVG, dark on light in every theme, with the quiet zone scanners need."""
    code = qrcode.QRCode(border=4)
    code.add_data(content)
    rows = code.get_matrix()
    cells = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    side = len(rows)
    return (
        f'<svg class="qr" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" width="220" height="220" '
        f'role="img" aria-label="QR code for an authenticator" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path fill="#000" d="{cells}"/></svg>'
    )


def begin_passkey(request: Request, connection: Connection, person: Person) -> tuple[dict[str, Any], str]:
    """What the browser is asked to add a passkey, and what its cookie must say when the answer comes.

    Raises:
        Problem: 409, there are enough.
    """
    context = context_of(request)
    known = passkeys.of(connection, person.id)
    if len(known) >= _MOST_PASSKEYS:
        raise Problem(409, "passkey.enough", f"You have {len(known)} passkeys. Remove one that you do not use.")
    options, challenge = passkey.registration(
        passkey.Site.of(context.settings), person, known, context.settings.app_name
    )
    kept = {"challenge": b64encode(challenge).decode()}
    return options, _begin(request, connection, Ceremony.PASSKEY_ADD, kept, person)


def add_passkey(
    request: Request, connection: Connection, person: Person, credential: dict[str, Any], name: str
) -> Passkey | Problem:
    """Keep the passkey a browser has made. A refusal is returned, so that the challenge is used up by it."""
    context = context_of(request)
    now = context.clock.now()
    begun = ceremonies.finish(
        connection, Ceremony.PASSKEY_ADD, cookie.read(request, cookie.CEREMONY), vault=vault_of(context), now=now
    )
    if begun is None or begun.person_id != person.id:
        return Problem(409, "passkey.over", "This took too long, or was done already. Start again.")
    challenge = b64decode(begun.content["challenge"])
    made = passkey.registered(passkey.Site.of(context.settings), credential, challenge, person, name, now=now)
    if made is None:
        return Problem(422, "passkey.refused", "The browser's answer does not hold, so no passkey was added.")
    if not passkeys.add(connection, made, person):
        return Problem(409, "passkey.known", "This passkey is known already.")
    return made


def new_recovery_codes(request: Request, connection: Connection, person: Person) -> list[str]:
    """New recovery codes; the old ones end."""
    context = context_of(request)
    codes = recovery.renew(connection, person.id, context.settings.signin.recovery_codes)
    audit.append(
        connection, NO_TENANT, AuditAction.POLICY_CHANGED, actor=f"person:{person.email}",
        at=context.clock.now(), subject=f"person:{person.email}", after={"recovery_codes": len(codes)},
    )  # fmt: skip
    return codes


def _begin(request: Request, connection: Connection, kind: Ceremony, content: dict[str, Any], person: Person) -> str:
    context = context_of(request)
    return ceremonies.begin(
        connection, kind, content, vault=vault_of(context), now=context.clock.now(), person=person.id,
        lasts=timedelta(minutes=context.settings.signin.ceremony_minutes),
    )  # fmt: skip
