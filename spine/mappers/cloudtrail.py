"""AWS CloudTrail: console sign-in, Amazon Cognito user pools, and changes to IAM.

Cognito's managed login pages (`Login_POST` and the like) tell no outcome in CloudTrail and are left out; the
tokens they end in (`Token_POST`) are read.

Source: AWS CloudTrail User Guide, "AWS Management Console sign-in events" and "CloudTrail record contents"; Amazon
Cognito Developer Guide, "Example Amazon Cognito events"; the API references of Cognito user pools and IAM.
"""

from collections.abc import Callable, Iterable
from typing import Any

from spine.event_type import EventType as T
from spine.mapper import Mapper, RawEvent, Record, at, first, moment, need, own_id, raw_event, text

_Outcome = tuple[T, T, dict[str, Any]]
"""(when it went well, when it did not, what is known by the name alone)"""
_Found = list[tuple[T, dict[str, Any]]]
_HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_HTTP_ERROR = 400

_SIGNIN: dict[str, _Outcome] = {
    "ConsoleLogin": (T.LOGIN_SUCCEEDED, T.LOGIN_FAILED, {}),
    "CheckMfa": (T.MFA_SUCCEEDED, T.MFA_FAILED, {}),
    "PasswordRecoveryRequested": (T.PASSWORD_RESET_REQUESTED, T.PASSWORD_RESET_FAILED, {}),
    "PasswordRecoveryCompleted": (T.PASSWORD_RESET_COMPLETED, T.PASSWORD_RESET_FAILED, {}),
    "PasswordUpdated": (T.PASSWORD_RESET_COMPLETED, T.PASSWORD_RESET_FAILED, {}),
}
_IAM: dict[str, _Outcome] = {
    name: (T.ADMIN_ACTION, T.ADMIN_ACTION_DENIED, {"admin_action": action})
    for action, names in {
        "role_granted": "AttachUserPolicy AttachRolePolicy AttachGroupPolicy PutUserPolicy PutRolePolicy PutGroupPolicy"
        " AddUserToGroup UpdateAssumeRolePolicy",
        "role_revoked": "DetachUserPolicy DetachRolePolicy DetachGroupPolicy DeleteUserPolicy DeleteRolePolicy"
        " RemoveUserFromGroup",
        "api_key_created": "CreateAccessKey",
        "idp_created": "CreateSAMLProvider CreateOpenIDConnectProvider",
        "idp_changed": "UpdateSAMLProvider UpdateOpenIDConnectProviderThumbprint DeleteSAMLProvider"
        " DeleteOpenIDConnectProvider",
        "policy_changed": "UpdateAccountPasswordPolicy DeleteAccountPasswordPolicy",
        "user_created": "CreateUser CreateLoginProfile",
        "user_changed": "UpdateLoginProfile DeleteLoginProfile",
        "user_deleted": "DeleteUser",
    }.items()
    for name in names.split()
} | {
    "EnableMFADevice": (T.MFA_ENROLLED, T.ADMIN_ACTION_DENIED, {}),
    "DeactivateMFADevice": (T.MFA_REMOVED, T.ADMIN_ACTION_DENIED, {"admin_action": "mfa_reset"}),
}
_POOL: dict[str, _Outcome] = {
    "SignUp": (T.SIGNUP_SUCCEEDED, T.SIGNUP_FAILED, {}),
    "ConfirmSignUp": (T.EMAIL_VERIFICATION_COMPLETED, T.EMAIL_VERIFICATION_FAILED, {}),
    "ResendConfirmationCode": (T.EMAIL_VERIFICATION_SENT, T.EMAIL_VERIFICATION_FAILED, {}),
    "ForgotPassword": (T.PASSWORD_RESET_REQUESTED, T.PASSWORD_RESET_FAILED, {}),
    "ConfirmForgotPassword": (T.PASSWORD_RESET_COMPLETED, T.PASSWORD_RESET_FAILED, {}),
    "AdminResetUserPassword": (T.PASSWORD_RESET_REQUESTED, T.PASSWORD_RESET_FAILED, {}),
    "ChangePassword": (T.PASSWORD_RESET_COMPLETED, T.PASSWORD_RESET_FAILED, {}),
    "VerifySoftwareToken": (T.MFA_ENROLLED, T.MFA_FAILED, {"factor": "totp"}),
    "GlobalSignOut": (T.SESSION_REVOKED, T.SESSION_REJECTED, {"revoked_by": "user"}),
    "RevokeToken": (T.SESSION_REVOKED, T.SESSION_REJECTED, {"revoked_by": "user"}),
    "AdminUserGlobalSignOut": (T.SESSION_REVOKED, T.ADMIN_ACTION_DENIED, {"revoked_by": "admin"}),
} | {
    name: (T.ADMIN_ACTION, T.ADMIN_ACTION_DENIED, {"admin_action": action})
    for name, action in {
        "AdminCreateUser": "user_created",
        "AdminDeleteUser": "user_deleted",
        "AdminDisableUser": "user_changed",
        "AdminEnableUser": "user_changed",
        "AdminSetUserPassword": "user_changed",
        "AdminAddUserToGroup": "role_granted",
        "AdminRemoveUserFromGroup": "role_revoked",
        "AdminSetUserMFAPreference": "mfa_reset",
        "SetUserPoolMfaConfig": "policy_changed",
        "CreateIdentityProvider": "idp_created",
        "UpdateIdentityProvider": "idp_changed",
        "DeleteIdentityProvider": "idp_changed",
        "UpdateUserPoolClient": "client_changed",
    }.items()
}
_STARTS = frozenset({"InitiateAuth", "AdminInitiateAuth"})
_ANSWERS = frozenset({"RespondToAuthChallenge", "AdminRespondToAuthChallenge"})
_REFRESH = frozenset({"REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"})
_FACTORS = {
    "SMS_MFA": "sms",
    "SOFTWARE_TOKEN_MFA": "totp",
    "EMAIL_OTP": "email",
    "SMS_OTP": "sms",
    "WEB_AUTHN": "webauthn",
}
"""Challenges that are a factor; the others are steps of the password."""
_ERRORS: dict[str, tuple[T, dict[str, Any]]] = {
    "UserNotFoundException": (T.LOGIN_FAILED, {"invalid_user": True}),
    "TooManyRequestsException": (T.LOGIN_THROTTLED, {"limited_by": "user"}),
    "LimitExceededException": (T.LOGIN_THROTTLED, {"limited_by": "user"}),
    "TooManyFailedAttemptsException": (T.LOGIN_THROTTLED, {"limited_by": "user"}),
}
_CODES: dict[tuple[T, str], tuple[T, dict[str, Any]]] = {
    (failed, code): (rejected, {"link_problem": problem})
    for failed, rejected in (
        (T.PASSWORD_RESET_FAILED, T.PASSWORD_RESET_LINK_REJECTED),
        (T.EMAIL_VERIFICATION_FAILED, T.EMAIL_VERIFICATION_LINK_REJECTED),
    )
    for code, problem in (("CodeMismatchException", "invalid"), ("ExpiredCodeException", "expired"))
}
_BY_ADMIN = frozenset({T.ADMIN_ACTION, T.ADMIN_ACTION_DENIED})
_OF_ANOTHER = _BY_ADMIN | {T.MFA_ENROLLED, T.MFA_REMOVED}
_TARGETS = ("requestParameters.userName", "requestParameters.username")
_GRANTS = ("requestParameters.policyArn", "requestParameters.groupName")
_NO_USER = "No username found in supplied account"


def events(record: Record) -> list[RawEvent]:
    """One CloudTrail record; a challenge that ends a login tells the factor and the login."""
    source = text(record, "eventSource") or ""
    if source not in _SOURCES:
        return []
    found = _SOURCES[source](record, need(record, "eventName"))
    number = own_id("aws", text(record, "eventID"), record) if found else ""
    return [
        _event(record, kind, known, f"{number}:{position}" if position else number)
        for position, (kind, known) in enumerate(found)
    ]


def _signin(record: Record, name: str) -> _Found:
    if name not in _SIGNIN:
        return []
    well, badly, known = _SIGNIN[name]
    if need(record, f"responseElements.{name}") == "Success":
        return [(well, known)]
    return [(badly, {**known, "invalid_user": True} if text(record, "errorMessage") == _NO_USER else known)]


def _iam(record: Record, name: str) -> _Found:
    if name not in _IAM:
        return []
    well, badly, known = _IAM[name]
    failed = _failed(record)
    return [(badly if failed else well, {**known, "allowed": not failed})]


def _cognito(record: Record, name: str) -> _Found:
    if name in _STARTS:
        return _started(record)
    if name in _ANSWERS:
        return _answered(record)
    if name == "Token_POST":
        return _token(record)
    if name not in _POOL:
        return []
    well, badly, known = _POOL[name]
    if not _failed(record):
        return [(well, known)]
    return [_CODES.get((badly, text(record, "errorCode") or ""), (badly, known))]


def _started(record: Record) -> _Found:
    refresh = text(record, "requestParameters.authFlow") in _REFRESH
    if _failed(record):
        return [(T.SESSION_REFRESH_FAILED, {})] if refresh else [_login_error(record)]
    if refresh:
        return [(T.SESSION_REFRESHED, {})]
    return _next(record)


def _answered(record: Record) -> _Found:
    challenge = text(record, "requestParameters.challengeName") or ""
    factor = {"factor": _FACTORS[challenge]} if challenge in _FACTORS else None
    if _failed(record):
        return [(T.MFA_FAILED, {**factor, "first_factor_ok": True})] if factor else [_login_error(record)]
    return [*([(T.MFA_SUCCEEDED, factor)] if factor else []), *_next(record)]


def _next(record: Record) -> _Found:
    """What a step that went well leads to: another challenge, or the login."""
    challenge = text(record, "responseElements.challengeName")
    if challenge is None:
        return [(T.LOGIN_SUCCEEDED, {})]
    return [(T.MFA_CHALLENGED, {"factor": _FACTORS[challenge]})] if challenge in _FACTORS else []


def _token(record: Record) -> _Found:
    status = at(record, "additionalEventData.responseParameters.status")
    if not isinstance(status, int | float):
        return []
    grant = at(record, "additionalEventData.requestParameters.grant_type")
    refresh = grant in ("refresh_token", ["refresh_token"])
    failed = status >= _HTTP_ERROR
    if refresh:
        return [(T.SESSION_REFRESH_FAILED if failed else T.SESSION_REFRESHED, {})]
    known = {"stage": "exchange", "http_status": int(status)}
    return [(T.OAUTH_CALLBACK_ERROR if failed else T.OAUTH_CALLBACK_OK, known)]


def _login_error(record: Record) -> tuple[T, dict[str, Any]]:
    return _ERRORS.get(text(record, "errorCode") or "", (T.LOGIN_FAILED, {}))


def _failed(record: Record) -> bool:
    return text(record, "errorCode") is not None


_SOURCES: dict[str, Callable[[Record, str], _Found]] = {
    "signin.amazonaws.com": _signin,
    "iam.amazonaws.com": _iam,
    "cognito-idp.amazonaws.com": _cognito,
}


def _event(record: Record, kind: T, known: dict[str, Any], number: str) -> RawEvent:
    name = need(record, "eventName")
    by_server = text(record, "eventSource") == "cognito-idp.amazonaws.com" and name.startswith("Admin")
    return raw_event(
        kind,
        id=number,
        occurred_at=moment(record.get("eventTime")),
        user_id=_user(record, kind),
        provider=text(record, "eventSource"),
        # an Admin… call comes from the application's server, not from the user
        address=None if by_server else first(record, "sourceIPAddress"),
        user_agent=None if by_server else text(record, "userAgent"),
        attributes=_attributes(record, kind, name) | known,
    )


def _attributes(record: Record, kind: T, name: str) -> dict[str, Any]:
    client = first(record, "requestParameters.clientId", "additionalEventData.requestParameters.client_id")
    return {
        "vendor_type": name,
        "error_code": text(record, "errorCode", "errorMessage"),
        "client_id": client[0] if isinstance(client, list) else client,
        "mfa_used": {"Yes": True, "No": False}.get(text(record, "additionalEventData.MFAUsed") or ""),
        "is_admin": True if text(record, "userIdentity.type") == "Root" else None,
        "account": text(record, "recipientAccountId"),
        "pool": text(record, "requestParameters.userPoolId", "additionalEventData.userPoolId"),
        "target_user_id": text(record, *_TARGETS) if kind in _OF_ANOTHER else None,
        "role": text(record, *_GRANTS) if kind in _OF_ANOTHER else None,
    }


def _user(record: Record, kind: T) -> str | None:
    """The user's stable id: of a pool its `sub`, of IAM the principal."""
    pool = ("additionalEventData.sub", "requestParameters.username")
    principal = ("userIdentity.principalId", "userIdentity.arn", "userIdentity.userName")
    paths = principal if kind in _BY_ADMIN else (*pool, *principal)
    found = (text(record, path) for path in paths)
    return next((user for user in found if user and user != _HIDDEN), None)


def _inside(record: Record) -> Iterable[Any]:
    """A file of a trail is one object with `Records`; EventBridge sends `detail`."""
    inner = first(record, "Records", "detail")
    return inner if isinstance(inner, list) else (inner or record,)


MAPPER = Mapper(
    name="cloudtrail",
    title="AWS CloudTrail (console sign-in, Cognito, IAM)",
    reads="files of a trail, or EventBridge",
    source="AWS CloudTrail User Guide; Amazon Cognito Developer Guide: Example Amazon Cognito events",
    events=events,
    label=lambda record: f"{text(record, 'eventSource')} {text(record, 'eventName')}",
    inside=_inside,
)
