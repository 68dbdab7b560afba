"""Auth0's tenant logs: a log stream, or the Management API's `GET /api/v2/logs`.

A failed silent authentication (`fsa`) is how an application learns that nobody is logged in; it is left out.

Source: auth0/auth0-log-schemas (`schemas/log-types/<type>.schema.json`) and Auth0 docs "Log Event Type Codes".
"""

from collections.abc import Iterable
from typing import Any

from spine.country import country_code
from spine.event_type import EventType as T
from spine.mapper import Mapper, RawEvent, Record, at, domain, first, moment, need, own_id, raw_event, text

_Types = dict[str, tuple[T, dict[str, Any]]]
_LOGIN: _Types = {
    "s": (T.LOGIN_SUCCEEDED, {}),
    "scoa": (T.LOGIN_SUCCEEDED, {}),
    "ssa": (T.SESSION_USED, {}),
    "sens": (T.LOGIN_SUCCEEDED, {"factor": "federated"}),
    "sepft": (T.LOGIN_SUCCEEDED, {"factor": "password"}),
    "f": (T.LOGIN_FAILED, {}),
    "fp": (T.LOGIN_FAILED, {"factor": "password"}),
    "fu": (T.LOGIN_FAILED, {"invalid_user": True}),
    "fc": (T.LOGIN_FAILED, {}),
    "fco": (T.LOGIN_FAILED, {}),
    "fcoa": (T.LOGIN_FAILED, {}),
    "fens": (T.LOGIN_FAILED, {"factor": "federated"}),
    "fepft": (T.LOGIN_FAILED, {"factor": "password"}),
    "pwd_leak": (T.LOGIN_BLOCKED, {"leaked": True}),
    "limit_wc": (T.LOGIN_BLOCKED, {"limited_by": "user"}),
    "limit_mu": (T.LOGIN_BLOCKED, {"limited_by": "address"}),
    "limit_sul": (T.LOGIN_THROTTLED, {"limited_by": "user"}),
    "limit_delegation": (T.LOGIN_THROTTLED, {"limited_by": "user"}),
    "limit_ui": (T.LOGIN_THROTTLED, {"limited_by": "user"}),
    "ublkdu": (T.LOGIN_UNLOCKED, {}),
    "slo": (T.SESSION_ENDED, {}),
}
_FACTOR: _Types = {
    "mfar": (T.MFA_CHALLENGED, {}),
    "gd_start_auth": (T.MFA_CHALLENGED, {}),
    "gd_auth_succeed": (T.MFA_SUCCEEDED, {"mfa_used": True}),
    "gd_recovery_succeed": (T.MFA_SUCCEEDED, {"factor": "recovery"}),
    "gd_auth_failed": (T.MFA_FAILED, {"first_factor_ok": True}),
    "gd_auth_rejected": (T.MFA_DENIED, {"factor": "push", "first_factor_ok": True}),
    "gd_recovery_failed": (T.MFA_FAILED, {"factor": "recovery", "first_factor_ok": True}),
    "gd_otp_rate_limit_exceed": (T.MFA_FAILED, {"first_factor_ok": True}),
    "gd_webauthn_challenge_failed": (T.MFA_FAILED, {"factor": "webauthn"}),
    "gd_enrollment_complete": (T.MFA_ENROLLED, {}),
    "gd_unenroll": (T.MFA_REMOVED, {}),
    "seoobft": (T.MFA_SUCCEEDED, {"factor": "push"}),
    "seotpft": (T.MFA_SUCCEEDED, {"factor": "totp"}),
    "sercft": (T.MFA_SUCCEEDED, {"factor": "recovery"}),
    "feoobft": (T.MFA_FAILED, {"factor": "push", "first_factor_ok": True}),
    "feotpft": (T.MFA_FAILED, {"factor": "totp", "first_factor_ok": True}),
    "fercft": (T.MFA_FAILED, {"factor": "recovery", "first_factor_ok": True}),
}
_MAIL: _Types = {
    "ss": (T.SIGNUP_SUCCEEDED, {}),
    "fs": (T.SIGNUP_FAILED, {}),
    "signup_pwd_leak": (T.SIGNUP_FAILED, {"leaked": True}),
    "scpr": (T.PASSWORD_RESET_REQUESTED, {}),
    "fcpr": (T.PASSWORD_RESET_FAILED, {}),
    "scp": (T.PASSWORD_RESET_COMPLETED, {}),
    "fcp": (T.PASSWORD_RESET_FAILED, {}),
    "reset_pwd_leak": (T.PASSWORD_RESET_FAILED, {"leaked": True}),
    "svr": (T.EMAIL_VERIFICATION_SENT, {"delivery_state": "queued"}),
    "fvr": (T.EMAIL_VERIFICATION_FAILED, {}),
    "sv": (T.EMAIL_VERIFICATION_COMPLETED, {}),
    "fv": (T.EMAIL_VERIFICATION_FAILED, {}),
}
_EXCHANGE: _Types = {
    "seacft": (T.OAUTH_CALLBACK_OK, {"stage": "exchange", "flow": "authorization_code"}),
    "feacft": (T.OAUTH_CALLBACK_ERROR, {"stage": "exchange", "flow": "authorization_code"}),
    "sede": (T.OAUTH_CALLBACK_OK, {"stage": "exchange", "flow": "device_code"}),
    "fede": (T.OAUTH_CALLBACK_ERROR, {"stage": "exchange", "flow": "device_code"}),
    "seccft": (T.OAUTH_CALLBACK_OK, {"stage": "exchange", "flow": "client_credentials"}),
    "feccft": (T.OAUTH_CALLBACK_ERROR, {"stage": "exchange", "flow": "client_credentials"}),
    "sertft": (T.SESSION_REFRESHED, {}),
    "fertft": (T.SESSION_REFRESH_FAILED, {}),
    "ferrt": (T.SESSION_REFRESH_FAILED, {"refresh_reused": True}),
    "srrt": (T.SESSION_REVOKED, {}),
    "universal_logout_succeeded": (T.SESSION_REVOKED, {"revoked_by": "system"}),
}
_TYPES = _LOGIN | _FACTOR | _MAIL | _EXCHANGE

_API: dict[str, str] = {
    "roles": "role_granted",
    "connections": "idp_changed",
    "client-grants": "client_changed",
    "clients": "client_changed",
    "guardian": "policy_changed",
    "attack-protection": "policy_changed",
    "users": "user_changed",
    "tenants": "config_changed",
}
"""What the first part of a Management API path that was written to changes."""
_CREATED = {"connections": "idp_created", "users": "user_created"}
_DELETED = {"users": "user_deleted"}


def events(record: Record) -> list[RawEvent]:
    """One entry of the log. A Management API write (`sapi`) is an administrator's action."""
    code = need(record, "type")
    if code == "sapi":
        kind, known = T.ADMIN_ACTION, {"admin_action": _written(record), "allowed": True}
    elif code in _TYPES:
        kind, known = _TYPES[code]
    else:
        return []
    return [
        raw_event(
            kind,
            id=own_id("auth0", text(record, "log_id", "_id"), record),
            occurred_at=moment(record.get("date")),
            user_id=text(record, "user_id", "details.request.auth.user.user_id", "user_name"),
            provider=text(record, "connection", "strategy"),
            address=first(record, "ip", "details.request.ip"),
            country=country_code(at(record, "location_info.country_code")),
            user_agent=text(record, "user_agent"),
            session_id=text(record, "details.session_id"),
            attributes=_attributes(record, code) | known,
        )
    ]


def _attributes(record: Record, code: str) -> dict[str, Any]:
    return {
        "vendor_type": code,
        "client_id": text(record, "client_id"),
        "error_code": text(record, "details.error.type", "details.error.message", "details.error"),
        "oauth_error": text(record, "details.error.oauthError"),
        "recipient_domain": domain(at(record, "user_name")),
        "resource": text(record, "details.request.path"),
    }


def _written(record: Record) -> str | None:
    path = [part for part in (text(record, "details.request.path") or "").split("/") if part not in ("", "api", "v2")]
    if not path:
        return None
    method = (text(record, "details.request.method") or "").lower()
    if "roles" in path:
        return "role_revoked" if method == "delete" else "role_granted"
    whole = len(path) <= 1 + (method == "delete")
    special = {"post": _CREATED, "delete": _DELETED}.get(method, {}) if whole else {}
    return special.get(path[0]) or _API.get(path[0], "config_changed")


def _inside(record: Record) -> Iterable[Any]:
    """A log stream wraps each entry in `data` (web hook) or `detail.data` (EventBridge)."""
    return (first(record, "detail.data", "data") or record,)


MAPPER = Mapper(
    name="auth0",
    title="Auth0 log stream",
    reads="a log stream (web hook, EventBridge, Event Grid) or the Management API's logs",
    source="auth0/auth0-log-schemas; Auth0 docs: Log Event Type Codes",
    events=events,
    label=lambda record: text(record, "type") or "no type",
    inside=_inside,
)
