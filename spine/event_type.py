"""The kinds of event an application can tell us about."""

from enum import StrEnum


class EventType(StrEnum):
    """Every kind of event, failures beside their success counterparts."""

    LOGIN_SUCCEEDED = "login_succeeded"
    LOGIN_FAILED = "login_failed"
    LOGIN_THROTTLED = "login_throttled"
    LOGIN_BLOCKED = "login_blocked"
    LOGIN_LOCKED = "login_locked"
    CAPTCHA_SHOWN = "captcha_shown"
    CAPTCHA_PASSED = "captcha_passed"
    MFA_SUCCEEDED = "mfa_succeeded"
    MFA_FAILED = "mfa_failed"
    PASSWORD_RESET_REQUESTED = "password_reset_requested"  # noqa: S105 - a name, no password
    PASSWORD_RESET_COMPLETED = "password_reset_completed"  # noqa: S105
    PASSWORD_RESET_FAILED = "password_reset_failed"  # noqa: S105
    OAUTH_CALLBACK_OK = "oauth_callback_ok"
    OAUTH_CALLBACK_ERROR = "oauth_callback_error"
    JWT_ACCEPTED = "jwt_accepted"
    JWT_VALIDATION_ERROR = "jwt_validation_error"
    SESSION_CREATED = "session_created"
    SESSION_REVOKED = "session_revoked"
    EMAIL_VERIFICATION_SENT = "email_verification_sent"
    EMAIL_VERIFICATION_COMPLETED = "email_verification_completed"
    EMAIL_VERIFICATION_FAILED = "email_verification_failed"
    ADMIN_LOGIN = "admin_login"
    TENANT_SCOPE_OK = "tenant_scope_ok"
    TENANT_SCOPE_VIOLATION = "tenant_scope_violation"
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
