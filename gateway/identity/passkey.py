"""Passkeys (WebAuthn): what a browser is asked, and whether what it answers holds.

User verification is always required: a passkey is the thing somebody has, and what opens it (a finger, a PIN) the
second factor. The challenge is kept on our side, is good once, and belongs to the browser it was given to.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from gateway.identity.cookie import loopback
from spine.person import Person
from spine.settings import Settings
from store import passkeys
from store.passkeys import Passkey

_REQUIRED = UserVerificationRequirement.REQUIRED
_LONGEST_NAME = 60
_MALFORMED = (WebAuthnException, ValueError, TypeError, KeyError)
"""What the library raises on what no authenticator sends."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where passkeys are good: they are bound to the host's name, so no other site can ask for them."""

    rp_id: str
    origin: str

    @classmethod
    def of(cls, settings: Settings) -> "Site":
        """By `gateway.public_url`. Browsers know no passkeys of bare addresses: this machine is `localhost`."""
        url = urlsplit(settings.gateway.url)
        host = url.hostname or "localhost"
        name = "localhost" if loopback(host) else host
        return cls(name, f"{url.scheme}://{url.netloc.replace(host, name)}")


def registration(site: Site, person: Person, known: list[Passkey], app_name: str) -> tuple[dict[str, Any], bytes]:
    """What the browser is asked to add a passkey, and the challenge."""
    options = generate_registration_options(
        rp_id=site.rp_id,
        rp_name=f"{app_name} operations",
        user_id=person.id.bytes,
        user_name=person.email,
        user_display_name=person.name,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one.id) for one in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_REQUIRED
        ),
    )
    return json.loads(options_to_json(options)), options.challenge


def registered(
    site: Site, credential: dict[str, Any], challenge: bytes, person: Person, name: str, *, now: datetime
) -> Passkey | None:
    """The new passkey of `person`; None = the answer does not hold."""
    try:
        verified = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except _MALFORMED:
        return None
    return Passkey(
        id=verified.credential_id, person_id=person.id, name=name.strip()[:_LONGEST_NAME] or "passkey",
        public_key=verified.credential_public_key, sign_count=verified.sign_count,
        synced=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE, created_at=now,
    )  # fmt: skip


def assertion(site: Site, known: list[Passkey]) -> tuple[dict[str, Any], bytes]:
    """What the browser is asked to show a passkey, and the challenge. `known` empty = any of this site's."""
    options = generate_authentication_options(
        rp_id=site.rp_id,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one.id) for one in known],
        user_verification=_REQUIRED,
    )
    return json.loads(options_to_json(options)), options.challenge


def asserted(
    connection: Connection, site: Site, credential: dict[str, Any], challenge: bytes, *, now: datetime
) -> Passkey | None:
    """The passkey that was shown; None = it is unknown, or the answer does not hold, a copy's count included."""
    try:
        passkey = passkeys.locked(connection, base64url_to_bytes(credential["rawId"]))
        if passkey is None:
            return None
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
        handle = credential["response"].get("userHandle")
        if handle and base64url_to_bytes(handle) != passkey.person_id.bytes:
            return None
    except _MALFORMED:
        return None
    passkeys.used(connection, passkey.id, verified.new_sign_count, now=now)
    return passkey
