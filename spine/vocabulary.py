"""What each type of event means, which one stands against it, and which attributes belong to it.

Read by ingest (`unusual`), by the reference page, and by whoever writes a detector: a type without a
counterpart has no ratio to test.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from spine.attribute import ADMIN, ATTRIBUTES, JWT, LEAK, LOGINS, OAUTH, RESETS, SESSIONS, VERIFICATION
from spine.event_type import ORIGINAL_TYPE, EventType
from spine.incident import IncidentKind

T = EventType
UNKNOWN_TYPE = "unknown_type"
TOLD_NAMES = 50
"""Different oddities told by their names in one report: a sender may invent a name per event."""
MORE = "…"


@dataclass(frozen=True, slots=True)
class Entry:
    """One type of event."""

    meaning: str
    kinds: tuple[IncidentKind, ...]
    """The incident types that read it."""
    attributes: tuple[str, ...] = ()
    against: EventType | None = None
    """The success of this failure, or the failure of this success; None = it stands alone."""


class Unusual(NamedTuple):
    """Something about an event that was kept and is told."""

    what: str
    """`unknown_type`, `wrong_type` or `unknown_value`."""
    name: str
    """Of the type or the attribute."""


_PLACE = ("asn", "anonymiser", "device_id", "device_new", "city", "latitude", "longitude")
_LOGIN = (*_PLACE, "client_id", "release", "error_code", "factor", "mfa_used", "is_admin", "break_glass")
_MFA = (*_LOGIN, "first_factor_ok")
_MAIL = ("recipient_domain", "template", "error_code", "smtp_status", "invalid_user")
_DELIVERY = (*_MAIL, "delivery_state", "delivery_seconds", "bounce")
_LINK = ("link_problem", "link_age_seconds", "scanner", "clock_skew_seconds", "error_code")
_OAUTH = ("client_id", "release", "stage", "flow", "http_status", "redirect_hash", "error_code")
_JWT = ("kid", "alg", "iss", "aud", "service", "client_id", "kid_trusted", "alg_allowed", "binding_ok", "url_trusted",
        "jwks_age_seconds", "clock_skew_seconds")  # fmt: skip
_KEYS = ("kid", "iss", "service", "jwks_age_seconds", "http_status", "error_code")
_TENANT = ("allowed", "granted", "grant_id", "resource", "service", "cache_owner_tenant_id", "canary_tenant_id",
           "missing_predicate", "seen_by", "is_admin")  # fmt: skip
_SESSION = (*_PLACE, "client_id", "owner_user_id", "automation", "family_id", "is_admin")
_REFRESH = (*_SESSION, "refresh_reused", "reuse_age_seconds", "reject_reason", "error_code")
_ADMIN = (*_LOGIN, "admin_action", "target_user_id", "role", "allowed", "resource")

VOCABULARY: Mapping[EventType, Entry] = MappingProxyType(
    {
        T.LOGIN_SUCCEEDED: Entry(
            "a user is logged in", (LOGINS, OAUTH, SESSIONS, ADMIN), (*_LOGIN, "leaked"), T.LOGIN_FAILED
        ),
        T.LOGIN_FAILED: Entry(
            "an attempt to log in was refused", (LOGINS, SESSIONS, ADMIN),
            (*_MFA, "invalid_user", "leaked"), T.LOGIN_SUCCEEDED,
        ),
        T.LOGIN_THROTTLED: Entry(
            "an attempt was slowed down or put off", (LOGINS,), (*_LOGIN, "limited_by"), T.LOGIN_SUCCEEDED
        ),
        T.LOGIN_BLOCKED: Entry(
            "an attempt was refused before the password was looked at",
            (LOGINS,), (*_LOGIN, "limited_by", "leaked"), T.LOGIN_SUCCEEDED,
        ),
        T.LOGIN_LOCKED: Entry("an account was locked", (LOGINS, RESETS), (*_LOGIN, "limited_by"), T.LOGIN_UNLOCKED),
        T.LOGIN_UNLOCKED: Entry("a locked account is open again", (LOGINS,), _LOGIN, T.LOGIN_LOCKED),
        T.CAPTCHA_SHOWN: Entry("a challenge was put before a login or sign-up", (LOGINS, VERIFICATION), _LOGIN),
        T.CAPTCHA_PASSED: Entry("the challenge was solved", (LOGINS, VERIFICATION), _LOGIN, T.CAPTCHA_FAILED),
        T.CAPTCHA_FAILED: Entry("the challenge was not solved", (LOGINS, VERIFICATION), _LOGIN, T.CAPTCHA_PASSED),
        T.MFA_CHALLENGED: Entry("a further factor was asked for", (LOGINS, ADMIN), _MFA),
        T.MFA_SUCCEEDED: Entry("a further factor was shown", (LOGINS, SESSIONS, ADMIN), _MFA, T.MFA_FAILED),
        T.MFA_FAILED: Entry("a further factor was wrong or did not come", (LOGINS, ADMIN), _MFA, T.MFA_SUCCEEDED),
        T.MFA_DENIED: Entry("the user said no to a push", (LOGINS, ADMIN), _MFA, T.MFA_SUCCEEDED),
        T.MFA_ENROLLED: Entry("a factor was added", (SESSIONS, ADMIN), (*_LOGIN, "target_user_id"), T.MFA_REMOVED),
        T.MFA_REMOVED: Entry("a factor was taken away", (SESSIONS, ADMIN), (*_LOGIN, "target_user_id"), T.MFA_ENROLLED),
        T.SIGNUP_SUCCEEDED: Entry(
            "an account was made", (VERIFICATION,), (*_LOGIN, "recipient_domain", "disposable_domain", "cohort"),
            T.SIGNUP_FAILED,
        ),
        T.SIGNUP_FAILED: Entry(
            "an account could not be made", (VERIFICATION,),
            (*_LOGIN, "recipient_domain", "disposable_domain", "cohort", "leaked"), T.SIGNUP_SUCCEEDED,
        ),
        T.PASSWORD_RESET_REQUESTED: Entry("a reset was asked for", (RESETS,), _MAIL, T.PASSWORD_RESET_FAILED),
        T.PASSWORD_RESET_SENT: Entry("its mail was issued", (RESETS,), _DELIVERY, T.PASSWORD_RESET_FAILED),
        T.PASSWORD_RESET_DELIVERED: Entry(
            "its mail arrived", (RESETS,), _DELIVERY, T.PASSWORD_RESET_UNDELIVERED
        ),
        T.PASSWORD_RESET_UNDELIVERED: Entry(
            "its mail was deferred, bounced, dropped or complained of", (RESETS,), _DELIVERY, T.PASSWORD_RESET_DELIVERED
        ),
        T.PASSWORD_RESET_LINK_ACCEPTED: Entry(
            "its link was opened and is good", (RESETS,), _LINK, T.PASSWORD_RESET_LINK_REJECTED
        ),
        T.PASSWORD_RESET_LINK_REJECTED: Entry(
            "its link was refused", (RESETS,), _LINK, T.PASSWORD_RESET_LINK_ACCEPTED
        ),
        T.PASSWORD_RESET_COMPLETED: Entry("a new password is set", (RESETS,), _LINK, T.PASSWORD_RESET_FAILED),
        T.PASSWORD_RESET_FAILED: Entry(
            "a reset failed, whatever the step", (RESETS,),
            tuple(dict.fromkeys((*_DELIVERY, *_LINK, "leaked"))), T.PASSWORD_RESET_COMPLETED,
        ),
        T.OAUTH_STARTED: Entry("a user was sent to a provider", (OAUTH,), _OAUTH),
        T.OAUTH_CALLBACK_OK: Entry(
            "a provider sent the user back and all went well", (OAUTH,),
            (*_OAUTH, "state_ok", "nonce_ok", "redirect_ok"), T.OAUTH_CALLBACK_ERROR,
        ),
        T.OAUTH_CALLBACK_ERROR: Entry(
            "a callback, exchange or userinfo request failed", (OAUTH,), (*_OAUTH, "oauth_error", "error_class"),
            T.OAUTH_CALLBACK_OK,
        ),
        T.JWT_ACCEPTED: Entry("a token was accepted", (JWT,), _JWT, T.JWT_VALIDATION_ERROR),
        T.JWT_VALIDATION_ERROR: Entry(
            "a token was refused", (JWT,), (*_JWT, "reject_reason", "error_code"), T.JWT_ACCEPTED
        ),
        T.JWKS_REFRESHED: Entry("a verifier read the key set again", (JWT,), _KEYS, T.JWKS_REFRESH_FAILED),
        T.JWKS_REFRESH_FAILED: Entry("a verifier could not read the key set", (JWT,), _KEYS, T.JWKS_REFRESHED),
        T.SIGNING_KEY_ROTATED: Entry("the issuer signs with another key", (JWT,), _KEYS),
        T.TENANT_SCOPE_OK: Entry(
            "an access stayed within its tenant, or was granted", (LEAK,), _TENANT, T.TENANT_SCOPE_VIOLATION
        ),
        T.TENANT_SCOPE_VIOLATION: Entry(
            "an access crossed tenants; `allowed` tells an attempt from a leak", (LEAK,), _TENANT, T.TENANT_SCOPE_OK
        ),
        T.TENANT_PROBE_PASSED: Entry("an isolation probe was kept out", (LEAK,), _TENANT, T.TENANT_PROBE_FAILED),
        T.TENANT_PROBE_FAILED: Entry("an isolation probe got through", (LEAK,), _TENANT, T.TENANT_PROBE_PASSED),
        T.SESSION_CREATED: Entry("a session began", (SESSIONS, ADMIN), _SESSION),
        T.SESSION_USED: Entry("a session was used", (SESSIONS, ADMIN), _SESSION, T.SESSION_REJECTED),
        T.SESSION_REJECTED: Entry(
            "a session id was refused", (SESSIONS,), (*_SESSION, "reject_reason"), T.SESSION_USED
        ),
        T.SESSION_REFRESHED: Entry("a session was refreshed", (SESSIONS, ADMIN), _REFRESH, T.SESSION_REFRESH_FAILED),
        T.SESSION_REFRESH_FAILED: Entry(
            "a refresh was refused; `refresh_reused` when it had been used before", (SESSIONS,), _REFRESH,
            T.SESSION_REFRESHED,
        ),
        T.SESSION_ENDED: Entry("a user logged out, or the session ran out", (SESSIONS,), _SESSION),
        T.SESSION_REVOKED: Entry("a session was ended from outside", (SESSIONS,), (*_SESSION, "revoked_by")),
        T.ADMIN_LOGIN: Entry("an administrator is logged in", (ADMIN,), _LOGIN, T.ADMIN_LOGIN_FAILED),
        T.ADMIN_LOGIN_FAILED: Entry("an administrator's login was refused", (ADMIN,), _MFA, T.ADMIN_LOGIN),
        T.ADMIN_ACTION: Entry("an administrator changed something", (SESSIONS, ADMIN), _ADMIN, T.ADMIN_ACTION_DENIED),
        T.ADMIN_ACTION_DENIED: Entry("an administrator's change was refused", (ADMIN,), _ADMIN, T.ADMIN_ACTION),
        T.EMAIL_VERIFICATION_SENT: Entry(
            "a mail to verify an address was issued", (VERIFICATION,), (*_DELIVERY, "disposable_domain", "cohort"),
            T.EMAIL_VERIFICATION_FAILED,
        ),
        T.EMAIL_VERIFICATION_DELIVERED: Entry(
            "that mail arrived", (VERIFICATION,), (*_DELIVERY, "disposable_domain", "cohort"),
            T.EMAIL_VERIFICATION_UNDELIVERED,
        ),
        T.EMAIL_VERIFICATION_UNDELIVERED: Entry(
            "that mail was deferred, bounced, dropped or complained of", (VERIFICATION,),
            (*_DELIVERY, "disposable_domain", "cohort"), T.EMAIL_VERIFICATION_DELIVERED,
        ),
        T.EMAIL_VERIFICATION_COMPLETED: Entry(
            "an address is verified", (VERIFICATION,), (*_LINK, "recipient_domain", "disposable_domain", "cohort"),
            T.EMAIL_VERIFICATION_FAILED,
        ),
        T.EMAIL_VERIFICATION_LINK_REJECTED: Entry(
            "the link of that mail was refused", (VERIFICATION,), _LINK, T.EMAIL_VERIFICATION_COMPLETED
        ),
        T.EMAIL_VERIFICATION_FAILED: Entry(
            "a verification failed, whatever the step", (VERIFICATION,),
            tuple(dict.fromkeys((*_DELIVERY, *_LINK, "disposable_domain", "cohort"))), T.EMAIL_VERIFICATION_COMPLETED,
        ),
        T.OTHER: Entry(f"a type we do not know; its name is the attribute `{ORIGINAL_TYPE}`", ()),
    }
)  # fmt: skip


def unusual(kind: EventType, attributes: Mapping[str, Any]) -> tuple[Unusual, ...]:
    """What is odd about an accepted event: a type that is not ours, declared attributes that do not fit."""
    if not attributes:
        return ()
    if kind is EventType.OTHER:
        return (Unusual(UNKNOWN_TYPE, str(attributes[ORIGINAL_TYPE])),) if ORIGINAL_TYPE in attributes else ()
    known = _BY_TYPE[kind]
    return tuple(
        Unusual(problem.value, name)
        for name, value in sorted(attributes.items())
        if name in known and value is not None and (problem := ATTRIBUTES[name].problem(value)) is not None
    )


def count_unusual(counter: Counter[Unusual], found: Mapping[Unusual, int]) -> None:
    """Add `found` to `counter`; from TOLD_NAMES different ones on, further names are counted together."""
    for one, number in found.items():
        known = one in counter or len(counter) < TOLD_NAMES
        counter[one if known else Unusual(one.what, MORE)] += number


_BY_TYPE = {kind: frozenset(entry.attributes) for kind, entry in VOCABULARY.items()}
