"""Okta's System Log.

`user.session.start` is the login; the events of its steps (`auth_via_AD_agent` and the like) are left out, or each
login would count twice.

Source: Okta developer docs, "System Log API" (LogEvent object) and "Event Types" (okta-event-types.csv).
"""

from collections.abc import Iterable
from typing import Any

from spine.country import country_code
from spine.event_type import EventType as T
from spine.mapper import Mapper, RawEvent, Record, at, declared, first, moment, need, own_id, raw_event, text

_Outcome = tuple[T | None, T | None, dict[str, Any]]
"""(when it went well, when it did not, what is known by the type alone)"""
_SUCCESS = frozenset({"SUCCESS", "ALLOW"})
_FAILURE = frozenset({"FAILURE", "DENY"})

_LOGIN: dict[str, _Outcome] = {
    "user.session.start": (T.LOGIN_SUCCEEDED, T.LOGIN_FAILED, {}),
    "user.authentication.auth_via_radius": (T.LOGIN_SUCCEEDED, T.LOGIN_FAILED, {}),
    "user.session.access_admin_app": (T.ADMIN_LOGIN, T.ADMIN_LOGIN_FAILED, {"is_admin": True}),
    "security.request.blocked": (T.LOGIN_BLOCKED, T.LOGIN_BLOCKED, {"limited_by": "address"}),
    "user.account.lock": (T.LOGIN_LOCKED, T.LOGIN_LOCKED, {"limited_by": "user"}),
    "user.account.lock.limit": (T.LOGIN_LOCKED, T.LOGIN_LOCKED, {"limited_by": "user"}),
    "user.account.unlock": (T.LOGIN_UNLOCKED, None, {}),
    "user.account.unlock_by_admin": (T.LOGIN_UNLOCKED, None, {}),
    "policy.evaluate_sign_on": (None, T.LOGIN_BLOCKED, {}),
    "user.authentication.auth_via_mfa": (T.MFA_SUCCEEDED, T.MFA_FAILED, {}),
    "user.mfa.okta_verify": (T.MFA_SUCCEEDED, T.MFA_FAILED, {"factor": "push"}),
    "user.mfa.okta_verify.deny_push": (T.MFA_DENIED, T.MFA_DENIED, {"factor": "push"}),
    "user.mfa.attempt_bypass": (T.MFA_FAILED, T.MFA_FAILED, {}),
    "user.mfa.factor.activate": (T.MFA_ENROLLED, None, {}),
    "user.mfa.factor.unsuspend": (T.MFA_ENROLLED, None, {}),
    "user.mfa.factor.deactivate": (T.MFA_REMOVED, None, {}),
    "user.mfa.factor.suspend": (T.MFA_REMOVED, None, {}),
    "user.mfa.factor.reset_all": (T.MFA_REMOVED, None, {}),
}
_RESET: dict[str, _Outcome] = {
    "user.account.reset_password": (T.PASSWORD_RESET_REQUESTED, T.PASSWORD_RESET_FAILED, {}),
    "system.sms.send_password_reset_message": (T.PASSWORD_RESET_SENT, T.PASSWORD_RESET_FAILED, {}),
    "system.voice.send_password_reset_call": (T.PASSWORD_RESET_SENT, T.PASSWORD_RESET_FAILED, {}),
    "user.account.update_password": (T.PASSWORD_RESET_COMPLETED, T.PASSWORD_RESET_FAILED, {}),
    "user.account.use_token": (
        T.PASSWORD_RESET_LINK_REJECTED, T.PASSWORD_RESET_LINK_REJECTED, {"link_problem": "invalid"},
    ),
}  # fmt: skip
_STAGES = {
    "callback": [f"user.authentication.auth_via_{way}" for way in ("IDP", "social", "inbound_SAML")],
    "authorize": [f"app.oauth2.{at}authorize.{flow}" for at in ("", "as.") for flow in ("code", "implicit")],
}
_FEDERATION: dict[str, _Outcome] = {
    name: (T.OAUTH_CALLBACK_OK, T.OAUTH_CALLBACK_ERROR, {"stage": stage})
    for stage, names in _STAGES.items()
    for name in names
}
_REUSES = ("app.oauth2.token.detect_reuse", "app.oauth2.as.token.detect_reuse", "app.token.reuse")
_SESSION: dict[str, _Outcome] = {
    "user.authentication.sso": (T.SESSION_USED, T.SESSION_REJECTED, {}),
    "user.session.context.change": (T.SESSION_USED, None, {}),
    "user.session.end": (T.SESSION_ENDED, None, {}),
    "user.session.expire": (T.SESSION_ENDED, None, {}),
    "user.session.clear": (T.SESSION_REVOKED, None, {"revoked_by": "admin"}),
    "user.authentication.universal_logout": (T.SESSION_REVOKED, None, {"revoked_by": "admin"}),
    **{name: (T.SESSION_REFRESH_FAILED, T.SESSION_REFRESH_FAILED, {"refresh_reused": True}) for name in _REUSES},
}
_CHANGES = {
    "user.account.privilege.grant": "role_granted",
    "user.account.privilege.revoke": "role_revoked",
    "group.privilege.grant": "role_granted",
    "group.privilege.revoke": "role_revoked",
    "system.api_token.create": "api_key_created",
    "system.idp.lifecycle.create": "idp_created",
    "system.idp.lifecycle.update": "idp_changed",
    "system.idp.lifecycle.activate": "idp_changed",
    "system.idp.lifecycle.delete": "idp_changed",
    "system.mfa.factor.deactivate": "policy_changed",
    "policy.lifecycle.update": "policy_changed",
    "policy.lifecycle.deactivate": "policy_changed",
    "policy.lifecycle.delete": "policy_changed",
    "policy.rule.update": "policy_changed",
    "policy.rule.deactivate": "policy_changed",
    "policy.rule.delete": "policy_changed",
    "user.lifecycle.create": "user_created",
    "user.lifecycle.deactivate": "user_changed",
    "user.lifecycle.delete.initiated": "user_deleted",
    "user.session.impersonation.grant": "impersonation",
    "user.session.impersonation.initiate": "impersonation",
}
_ADMIN: dict[str, _Outcome] = {
    name: (T.ADMIN_ACTION, T.ADMIN_ACTION_DENIED, {"admin_action": action}) for name, action in _CHANGES.items()
}
_TYPES = _LOGIN | _RESET | _FEDERATION | _SESSION | _ADMIN
_FACTORS = {
    "OKTA_VERIFY_PUSH": "push",
    "SIGNED_NONCE": "push",
    "OKTA_SOFT_TOKEN": "totp",
    "GOOGLE_AUTH": "totp",
    "SMS_FACTOR": "sms",
    "CALL_FACTOR": "voice",
    "EMAIL_FACTOR": "email",
    "FIDO_WEBAUTHN": "webauthn",
    "FIDO_U2F": "webauthn",
    "SECURITY_QUESTION": "question",
}
_PASSWORD = "PASSWORD_AS_FACTOR"  # noqa: S105 - Okta's word for a first factor


def events(record: Record) -> list[RawEvent]:
    """One entry of the System Log."""
    kind = need(record, "eventType")
    factor = text(record, "debugContext.debugData.factor")
    if kind not in _TYPES or (kind == "user.authentication.auth_via_mfa" and factor == _PASSWORD):
        return []
    well, badly, known = _TYPES[kind]
    result = need(record, "outcome.result").upper()
    ours = well if result in _SUCCESS else badly if result in _FAILURE else None
    if result == "CHALLENGE":
        ours = T.MFA_CHALLENGED
    if ours is None:
        return []
    return [
        raw_event(
            ours,
            id=own_id("okta", text(record, "uuid"), record),
            occurred_at=moment(record.get("published")),
            user_id=_user(record, kind),
            provider=_provider(record) if kind in _FEDERATION else "okta",
            address=first(record, "client.ipAddress"),
            country=country_code(at(record, "client.geographicalContext.country")),
            user_agent=text(record, "client.userAgent.rawUserAgent"),
            session_id=text(record, "authenticationContext.externalSessionId"),
            attributes=_attributes(record, kind, factor) | known,
        )
    ]


def _attributes(record: Record, kind: str, factor: str | None) -> dict[str, Any]:
    return {
        "vendor_type": kind,
        "error_code": text(record, "outcome.reason"),
        "factor": declared("factor", factor, _FACTORS),
        "asn": at(record, "securityContext.asNumber"),
        "anonymiser": at(record, "securityContext.isProxy"),
        "device_id": text(record, "debugContext.debugData.deviceFingerprint", "device.id"),
        "city": text(record, "client.geographicalContext.city"),
        "country_name": text(record, "client.geographicalContext.country"),
        "latitude": at(record, "client.geographicalContext.geolocation.lat"),
        "longitude": at(record, "client.geographicalContext.geolocation.lon"),
        "role": text(record, "debugContext.debugData.privilegeGranted"),
        "target_user_id": _target(record, "User") if kind in _ADMIN or kind.startswith("user.mfa.factor") else None,
        "client_id": _target(record, "AppInstance"),
    }


def _user(record: Record, kind: str) -> str | None:
    """Whom it is about: of a login the actor; a lock or a reset is of its target."""
    about = _target(record, "User") if kind.startswith(("user.account.", "system.sms", "system.voice")) else None
    actor = text(record, "actor.id") if text(record, "actor.id") != "unknown" else text(record, "actor.alternateId")
    return actor if kind in _ADMIN else about or actor


def _provider(record: Record) -> str | None:
    names = (_target(record, kind) for kind in ("IdentityProvider", "IDP"))
    return next((name for name in names if name), None) or text(record, "authenticationContext.credentialProvider")


def _target(record: Record, kind: str) -> str | None:
    targets = record.get("target")
    return (
        next((text(one, "id") for one in targets if at(one, "type") == kind), None)
        if isinstance(targets, list)
        else None
    )


def _inside(record: Record) -> Iterable[Any]:
    """An event hook sends `data.events`, EventBridge `detail`."""
    inner = first(record, "data.events", "detail")
    return inner if isinstance(inner, list) else (inner or record,)


MAPPER = Mapper(
    name="okta",
    title="Okta System Log",
    reads="the System Log API, a log stream or an event hook",
    source="Okta developer docs: System Log API (LogEvent), Event Types",
    events=events,
    label=lambda record: text(record, "eventType") or "no eventType",
    inside=_inside,
)
