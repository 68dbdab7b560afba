"""What an event of a failed callback says: whose fault it is. Source: RUNBOOKS 2.3; RFC 6749 4.1.2.1 and 5.2."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """What stands behind a failed callback."""

    REDIRECT = "redirect URI mismatch"
    CLIENT = "unknown client or wrong secret"
    CONFIGURATION = "another configuration error"
    GRANT = "a code that is used, too old, or without its proof (PKCE)"
    KEYS = "tokens of the provider that do not check"
    PROVIDER = "the provider fails"
    SESSION = "our own state or nonce is lost"
    USER = "the user said no, or had to be asked"
    UNSAID = "nothing was said of why"
    BYPASS = "a sign-in was let in past a check of ours (state, nonce or redirect URI)"
    """It went well, and should not have. Source: RUNBOOKS 2.3, Sev."""


_BY_ERROR = {
    **dict.fromkeys(
        ("access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required"),
        Fault.USER,
    ),
    **dict.fromkeys(("invalid_client", "unauthorized_client", "unknown_client"), Fault.CLIENT),
    **dict.fromkeys(("server_error", "temporarily_unavailable"), Fault.PROVIDER),
    **dict.fromkeys(("invalid_token", "invalid_id_token", "unknown_kid", "bad_signature"), Fault.KEYS),
    **dict.fromkeys(("unsupported_response_type", "unsupported_grant_type", "invalid_scope"), Fault.CONFIGURATION),
    "invalid_grant": Fault.GRANT,
}
_BY_PART = {
    "redirect": Fault.REDIRECT, "nonce": Fault.SESSION, "state": Fault.SESSION, "pkce": Fault.GRANT,
    "code_verifier": Fault.GRANT, "jwks": Fault.KEYS,
}  # fmt: skip
"""What providers and libraries name in their own way, as redirect_uri_mismatch or state_mismatch."""
_BY_CLASS = {
    "user": Fault.USER, "provider": Fault.PROVIDER, "local_state": Fault.SESSION, "configuration": Fault.CONFIGURATION,
}  # fmt: skip


def fault_of(said: Any) -> Fault:
    """The fault an event's attributes tell of: what the user refused first, then the exact error, then its class."""
    if not isinstance(said, Mapping):
        return Fault.UNSAID
    named = [_text(said, "oauth_error"), _text(said, "error_code")]
    of_class = _BY_CLASS.get(_text(said, "error_class"))
    exact = next((found for name in named if (found := _exact(name)) is not None), None)
    if of_class is Fault.USER or exact is Fault.USER:
        return Fault.USER
    status = said.get("http_status")
    failing = isinstance(status, int) and not isinstance(status, bool) and 500 <= status <= 599
    return exact or (Fault.PROVIDER if failing else None) or of_class or Fault.UNSAID


def bypass_of(said: Any) -> Fault | None:
    """BYPASS when a callback that went well tells of a check that did not; else None."""
    if not isinstance(said, Mapping):
        return None
    return Fault.BYPASS if any(said.get(name) is False for name in ("state_ok", "nonce_ok", "redirect_ok")) else None


def _exact(name: str) -> Fault | None:
    if name in _BY_ERROR:
        return _BY_ERROR[name]
    return next((fault for part, fault in _BY_PART.items() if part in name), None)


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    return value.strip().lower() if isinstance(value, str) else ""
