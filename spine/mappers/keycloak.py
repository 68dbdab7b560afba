"""Keycloak's user events and admin events, as its REST API and event listeners give them.

Source: org.keycloak.events.EventType, org.keycloak.events.admin.ResourceType, EventRepresentation and
AdminEventRepresentation (keycloak/keycloak).
"""

from typing import Any

from spine.event_type import EventType as T
from spine.mapper import Mapper, RawEvent, Record, at, domain, moment, need, own_id, raw_event, text

_EXCHANGE = {"stage": "exchange"}
_TYPES: dict[str, tuple[T, dict[str, Any]]] = {
    "LOGIN": (T.LOGIN_SUCCEEDED, {}),
    "LOGIN_ERROR": (T.LOGIN_FAILED, {}),
    "USER_DISABLED_BY_TEMPORARY_LOCKOUT": (T.LOGIN_LOCKED, {"limited_by": "user"}),
    "USER_DISABLED_BY_PERMANENT_LOCKOUT": (T.LOGIN_LOCKED, {"limited_by": "user"}),
    "LOGOUT": (T.SESSION_ENDED, {}),
    "REGISTER": (T.SIGNUP_SUCCEEDED, {}),
    "REGISTER_ERROR": (T.SIGNUP_FAILED, {}),
    "RESET_PASSWORD": (T.PASSWORD_RESET_REQUESTED, {}),
    "RESET_PASSWORD_ERROR": (T.PASSWORD_RESET_FAILED, {}),
    "SEND_RESET_PASSWORD": (T.PASSWORD_RESET_SENT, {"delivery_state": "sent"}),
    "SEND_RESET_PASSWORD_ERROR": (T.PASSWORD_RESET_FAILED, {"delivery_state": "dropped"}),
    "UPDATE_PASSWORD": (T.PASSWORD_RESET_COMPLETED, {}),
    "UPDATE_PASSWORD_ERROR": (T.PASSWORD_RESET_FAILED, {}),
    "SEND_VERIFY_EMAIL": (T.EMAIL_VERIFICATION_SENT, {"delivery_state": "sent"}),
    "SEND_VERIFY_EMAIL_ERROR": (T.EMAIL_VERIFICATION_FAILED, {"delivery_state": "dropped"}),
    "VERIFY_EMAIL": (T.EMAIL_VERIFICATION_COMPLETED, {}),
    "VERIFY_EMAIL_ERROR": (T.EMAIL_VERIFICATION_LINK_REJECTED, {}),
    "UPDATE_TOTP": (T.MFA_ENROLLED, {"factor": "totp"}),
    "REMOVE_TOTP": (T.MFA_REMOVED, {"factor": "totp"}),
    "IDENTITY_PROVIDER_LOGIN": (T.OAUTH_CALLBACK_OK, {"stage": "callback"}),
    "IDENTITY_PROVIDER_LOGIN_ERROR": (T.OAUTH_CALLBACK_ERROR, {"stage": "callback"}),
    "IDENTITY_PROVIDER_RESPONSE_ERROR": (T.OAUTH_CALLBACK_ERROR, {"stage": "callback"}),
    "IDENTITY_PROVIDER_FIRST_LOGIN_ERROR": (T.OAUTH_CALLBACK_ERROR, {"stage": "callback"}),
    "CODE_TO_TOKEN": (T.OAUTH_CALLBACK_OK, {**_EXCHANGE, "flow": "authorization_code"}),
    "CODE_TO_TOKEN_ERROR": (T.OAUTH_CALLBACK_ERROR, {**_EXCHANGE, "flow": "authorization_code"}),
    "CLIENT_LOGIN": (T.OAUTH_CALLBACK_OK, {**_EXCHANGE, "flow": "client_credentials"}),
    "CLIENT_LOGIN_ERROR": (T.OAUTH_CALLBACK_ERROR, {**_EXCHANGE, "flow": "client_credentials"}),
    "OAUTH2_DEVICE_CODE_TO_TOKEN": (T.OAUTH_CALLBACK_OK, {**_EXCHANGE, "flow": "device_code"}),
    "OAUTH2_DEVICE_CODE_TO_TOKEN_ERROR": (T.OAUTH_CALLBACK_ERROR, {**_EXCHANGE, "flow": "device_code"}),
    "TOKEN_EXCHANGE": (T.OAUTH_CALLBACK_OK, {**_EXCHANGE, "flow": "exchange"}),
    "TOKEN_EXCHANGE_ERROR": (T.OAUTH_CALLBACK_ERROR, {**_EXCHANGE, "flow": "exchange"}),
    "REFRESH_TOKEN": (T.SESSION_REFRESHED, {}),
    "REFRESH_TOKEN_ERROR": (T.SESSION_REFRESH_FAILED, {}),
    "INTROSPECT_TOKEN": (T.JWT_ACCEPTED, {}),
    "INTROSPECT_TOKEN_ERROR": (T.JWT_VALIDATION_ERROR, {}),
    "USER_INFO_REQUEST": (T.JWT_ACCEPTED, {}),
    "USER_INFO_REQUEST_ERROR": (T.JWT_VALIDATION_ERROR, {}),
    "INVALID_SIGNATURE": (T.JWT_VALIDATION_ERROR, {"reject_reason": "bad_signature"}),
    "INVALID_SIGNATURE_ERROR": (T.JWT_VALIDATION_ERROR, {"reject_reason": "bad_signature"}),
    "IMPERSONATE": (T.ADMIN_ACTION, {"admin_action": "impersonation", "allowed": True}),
    "IMPERSONATE_ERROR": (T.ADMIN_ACTION_DENIED, {"admin_action": "impersonation", "allowed": False}),
}
_LOGIN_ERRORS: dict[str, tuple[T, dict[str, Any]]] = {
    "user_not_found": (T.LOGIN_FAILED, {"invalid_user": True}),
    "user_temporarily_disabled": (T.LOGIN_BLOCKED, {"limited_by": "user"}),
    "user_disabled": (T.LOGIN_BLOCKED, {"limited_by": "user"}),
}
"""What the `error` of a LOGIN_ERROR tells beyond the failure."""
_ROLES = frozenset({"REALM_ROLE_MAPPING", "CLIENT_ROLE_MAPPING", "GROUP_MEMBERSHIP"})
_CHANGES: dict[tuple[str, str], str] = {
    ("USER", "CREATE"): "user_created",
    ("USER", "DELETE"): "user_deleted",
    ("IDENTITY_PROVIDER", "CREATE"): "idp_created",
    **{(role, "CREATE"): "role_granted" for role in _ROLES},
    **{(role, "DELETE"): "role_revoked" for role in _ROLES},
}
"""(resource, operation) -> our word, where the operation matters."""
_RESOURCES = {
    "USER": "user_changed",
    "IDENTITY_PROVIDER": "idp_changed",
    "IDENTITY_PROVIDER_MAPPER": "idp_changed",
    "CLIENT": "client_changed",
    "AUTH_FLOW": "policy_changed",
    "AUTH_EXECUTION": "policy_changed",
    "AUTH_EXECUTION_FLOW": "policy_changed",
    "AUTHENTICATOR_CONFIG": "policy_changed",
    "REQUIRED_ACTION": "policy_changed",
}


def events(record: Record) -> list[RawEvent]:
    """One user event or one admin event."""
    if "operationType" in record:
        return [_admin(record)]
    kind = need(record, "type")
    if kind not in _TYPES:
        return []
    ours, known = _TYPES[kind]
    error = text(record, "error")
    if ours is T.LOGIN_FAILED and error in _LOGIN_ERRORS:
        ours, known = _LOGIN_ERRORS[error]
    return [
        raw_event(
            ours,
            id=own_id("keycloak", text(record, "id", "uid"), record),
            occurred_at=moment(record.get("time")),
            user_id=text(record, "userId", "details.username", "username"),
            provider=text(record, "details.identity_provider") or "keycloak",
            address=record.get("ipAddress"),
            session_id=text(record, "sessionId"),
            attributes=_attributes(record, kind, error) | known,
        )
    ]


def _attributes(record: Record, kind: str, error: str | None) -> dict[str, Any]:
    reason = text(record, "details.reason") or ""
    return {
        "vendor_type": kind,
        "realm": text(record, "realmName", "realmId"),
        "client_id": text(record, "clientId"),
        "error_code": error,
        "oauth_error": error if kind.startswith(("IDENTITY_PROVIDER", "CODE_TO_TOKEN", "CLIENT_LOGIN")) else None,
        "recipient_domain": domain(at(record, "details.email")),
        "refresh_reused": True if kind == "REFRESH_TOKEN_ERROR" and "reuse" in reason.lower() else None,
        "reason": reason,
    }


def _admin(record: Record) -> RawEvent:
    resource, operation = need(record, "resourceType"), need(record, "operationType")
    denied = text(record, "error") is not None
    path = text(record, "resourcePath") or ""
    parts = path.split("/")
    return raw_event(
        T.ADMIN_ACTION_DENIED if denied else T.ADMIN_ACTION,
        id=own_id("keycloak", text(record, "id", "uid"), record),
        occurred_at=moment(record.get("time")),
        user_id=text(record, "authDetails.userId", "authDetails.username"),
        provider="keycloak",
        address=at(record, "authDetails.ipAddress"),
        attributes={
            "vendor_type": f"{resource} {operation}",
            "realm": text(record, "realmName", "realmId"),
            "client_id": text(record, "authDetails.clientId"),
            "admin_action": _CHANGES.get((resource, operation)) or _RESOURCES.get(resource, "config_changed"),
            "allowed": not denied,
            "error_code": text(record, "error"),
            "resource": path,
            "target_user_id": parts[1] if parts[0] == "users" and len(parts) > 1 else None,
        },
    )


MAPPER = Mapper(
    name="keycloak",
    title="Keycloak events",
    reads="user and admin events, of the admin REST API or an event listener that sends JSON",
    source="keycloak/keycloak: EventType, ResourceType, EventRepresentation, AdminEventRepresentation",
    events=events,
    label=lambda record: text(record, "type") or "no type",
)
