"""The kinds of event an application can tell us about."""

from enum import StrEnum


class EventType(StrEnum):
    """Every kind of event, failures beside their success counterparts; spine/vocabulary.py says what each means."""

    LOGIN_SUCCEEDED = "login_succeeded"
    LOGIN_FAILED = "login_failed"
    LOGIN_THROTTLED = "login_throttled"
    LOGIN_BLOCKED = "login_blocked"
    LOGIN_LOCKED = "login_locked"
    LOGIN_UNLOCKED = "login_unlocked"
    CAPTCHA_SHOWN = "captcha_shown"
    CAPTCHA_PASSED = "captcha_passed"
    CAPTCHA_FAILED = "captcha_failed"
    MFA_CHALLENGED = "mfa_challenged"
    MFA_SUCCEEDED = "mfa_succeeded"
    MFA_FAILED = "mfa_failed"
    MFA_DENIED = "mfa_denied"
    MFA_ENROLLED = "mfa_enrolled"
    MFA_REMOVED = "mfa_removed"
    SIGNUP_SUCCEEDED = "signup_succeeded"
    SIGNUP_FAILED = "signup_failed"
    PASSWORD_RESET_REQUESTED = "password_reset_requested"  # noqa: S105 - a name, no password
    PASSWORD_RESET_SENT = "password_reset_sent"  # noqa: S105
    PASSWORD_RESET_DELIVERED = "password_reset_delivered"  # noqa: S105
    PASSWORD_RESET_UNDELIVERED = "password_reset_undelivered"  # noqa: S105
    PASSWORD_RESET_LINK_ACCEPTED = "password_reset_link_accepted"  # noqa: S105
    PASSWORD_RESET_LINK_REJECTED = "password_reset_link_rejected"  # noqa: S105
    PASSWORD_RESET_COMPLETED = "password_reset_completed"  # noqa: S105
    PASSWORD_RESET_FAILED = "password_reset_failed"  # noqa: S105
    OAUTH_STARTED = "oauth_started"
    OAUTH_CALLBACK_OK = "oauth_callback_ok"
    OAUTH_CALLBACK_ERROR = "oauth_callback_error"
    JWT_ACCEPTED = "jwt_accepted"
    JWT_VALIDATION_ERROR = "jwt_validation_error"
    JWKS_REFRESHED = "jwks_refreshed"
    JWKS_REFRESH_FAILED = "jwks_refresh_failed"
    SIGNING_KEY_ROTATED = "signing_key_rotated"
    TENANT_SCOPE_OK = "tenant_scope_ok"
    TENANT_SCOPE_VIOLATION = "tenant_scope_violation"
    TENANT_PROBE_PASSED = "tenant_probe_passed"
    TENANT_PROBE_FAILED = "tenant_probe_failed"
    SESSION_CREATED = "session_created"
    SESSION_USED = "session_used"
    SESSION_REJECTED = "session_rejected"
    SESSION_REFRESHED = "session_refreshed"
    SESSION_REFRESH_FAILED = "session_refresh_failed"
    SESSION_ENDED = "session_ended"
    SESSION_REVOKED = "session_revoked"
    ADMIN_LOGIN = "admin_login"
    ADMIN_LOGIN_FAILED = "admin_login_failed"
    ADMIN_ACTION = "admin_action"
    ADMIN_ACTION_DENIED = "admin_action_denied"
    EMAIL_VERIFICATION_SENT = "email_verification_sent"
    EMAIL_VERIFICATION_DELIVERED = "email_verification_delivered"
    EMAIL_VERIFICATION_UNDELIVERED = "email_verification_undelivered"
    EMAIL_VERIFICATION_COMPLETED = "email_verification_completed"
    EMAIL_VERIFICATION_LINK_REJECTED = "email_verification_link_rejected"
    EMAIL_VERIFICATION_FAILED = "email_verification_failed"
    OTHER = "other"


LOGIN_FAMILY = (
    EventType.LOGIN_SUCCEEDED,
    EventType.LOGIN_FAILED,
    EventType.LOGIN_THROTTLED,
    EventType.LOGIN_BLOCKED,
    EventType.CAPTCHA_SHOWN,
    EventType.CAPTCHA_PASSED,
)
"""What one attempt to log in may leave behind."""
KNOWN = frozenset(t.value for t in EventType)
ORIGINAL_TYPE = "original_type"
"""The attribute that keeps the name of a type we do not know."""
