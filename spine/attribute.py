"""An event's fields, and what may stand in its `attributes`: each name once, with type, meaning and reader.

Nothing here refuses an event. A declared attribute of another type or with an unknown value is kept and
counted (`problem`), a name that is not declared is kept as it is. No name may look like a secret's
(`spine.secret.names_secret`), for then its value would not survive redaction.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from spine.incident import AUTH_KINDS, IncidentKind

LOGINS = IncidentKind.FAILED_LOGINS_SPIKE
RESETS = IncidentKind.PASSWORD_RESET_FAILURES
OAUTH = IncidentKind.OAUTH_CALLBACK_ERRORS
JWT = IncidentKind.JWT_VALIDATION_ERRORS
LEAK = IncidentKind.TENANT_LEAK_RISK
SESSIONS = IncidentKind.SESSION_ANOMALIES
ADMIN = IncidentKind.SUSPICIOUS_ADMIN_LOGIN
VERIFICATION = IncidentKind.EMAIL_VERIFICATION_FAILURES
MAIL = (RESETS, VERIFICATION)


class ValueType(StrEnum):
    """What kind of JSON value an attribute is."""

    TEXT = "text"
    TEXTS = "text or list of texts"
    WHOLE = "whole number"
    NUMBER = "number"
    FLAG = "true, false"


class Problem(StrEnum):
    """What can be odd about a declared attribute. Stable: counters rely on the words."""

    WRONG_TYPE = "wrong_type"
    UNKNOWN_VALUE = "unknown_value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One name that may stand in `attributes`."""

    name: str
    type: ValueType
    meaning: str
    read_by: Mapping[IncidentKind, str]
    """For which incident type it is read, and for which of its signals."""
    values: tuple[str, ...] = ()
    """A text's values; empty = any."""
    bounds: tuple[float, float] | None = None
    """A number's least and greatest value."""
    unit: str = ""

    def problem(self, value: object) -> Problem | None:
        """What is odd about `value`; None when nothing is."""
        if not _IS[self.type](value):
            return Problem.WRONG_TYPE
        if self.values and value not in self.values:
            return Problem.UNKNOWN_VALUE
        if self.bounds and not self.bounds[0] <= value <= self.bounds[1]:  # type: ignore[operator]
            return Problem.UNKNOWN_VALUE
        return None


def _text(value: object) -> bool:
    return isinstance(value, str)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_IS: Mapping[ValueType, Callable[[Any], bool]] = {
    ValueType.TEXT: _text,
    ValueType.TEXTS: lambda value: _text(value) or (isinstance(value, list) and all(map(_text, value))),
    ValueType.WHOLE: _whole,
    ValueType.NUMBER: lambda value: _whole(value) or (isinstance(value, float) and math.isfinite(value)),
    ValueType.FLAG: lambda value: isinstance(value, bool),
}


def _all(kinds: tuple[IncidentKind, ...], signal: str) -> Mapping[IncidentKind, str]:
    return dict.fromkeys(kinds, signal)


def _a(name: str, type: ValueType, meaning: str, read_by: Mapping[IncidentKind, str], **more: Any) -> Attribute:
    return Attribute(name=name, type=type, meaning=meaning, read_by=read_by, **more)


TEXT, TEXTS, WHOLE, NUMBER, FLAG = ValueType
ALL = AUTH_KINDS

_FIELDS = (
    _a("user_id", TEXT, "whose event it is: a stable id, not a name that may change", _all(ALL, "distinct users")),
    _a("provider", TEXT, "the way in (password, google …); of mail the service that delivers it",
       {OAUTH: "errors by provider", **_all(MAIL, "delivery by provider")}),
    _a("ip", TEXT, "the user's address, not a proxy's",
       {LOGINS: "addresses and networks", SESSIONS: "travel, change of address", ADMIN: "a new address",
        RESETS: "users per address", JWT: "fuzzing from few addresses"}),
    _a("country", TEXT, "where the address is, ISO 3166 alpha-2",
       {LOGINS: "countries of an attack", SESSIONS: "travel, a new country", ADMIN: "travel, a new country"}),
    _a("user_agent", TEXT, "cut at 512 characters",
       {LOGINS: "agents of an attack", SESSIONS: "change of agent, automation", ADMIN: "a new device"}),
    _a("session_id", TEXT, "the session, never the secret that opens it",
       {SESSIONS: "one session, two users", ADMIN: "which session acts"}),
    _a("resource_tenant_id", TEXT, "whose data was touched", {LEAK: "actor's tenant against the resource's"}),
)  # fmt: skip
_SECONDS: dict[str, Any] = {"unit": "seconds", "bounds": (0, float("inf"))}

_DECLARED = (
    # who and from where
    _a("client_id", TEXT, "the application that asked", {OAUTH: "errors by client", LOGINS: "a stale client"}),
    _a("release", TEXT, "version of the application that asked", _all((LOGINS, OAUTH), "split by release")),
    _a("error_code", TEXT, "the sender's own code of what went wrong", _all((LOGINS, OAUTH), "split by error")),
    _a("asn", WHOLE, "autonomous system of the address",
       {LOGINS: "networks of an attack", ADMIN: "a new network", SESSIONS: "a new network"}, bounds=(0, 2**32 - 1)),
    _a("anonymiser", FLAG, "the address is a proxy, VPN or Tor exit", {ADMIN: "anonymiser", SESSIONS: "VPN travel"}),
    _a("device_id", TEXT, "the device as the sender knows it",
       {SESSIONS: "devices per session", ADMIN: "a new device"}),
    _a("device_new", FLAG, "the sender never saw this device with this user", {ADMIN: "a new device"}),
    _a("city", TEXT, "where the address is", _all((SESSIONS, ADMIN), "travel")),
    _a("latitude", NUMBER, "of the address", _all((SESSIONS, ADMIN), "travel"), unit="degrees", bounds=(-90, 90)),
    _a("longitude", NUMBER, "of the address", _all((SESSIONS, ADMIN), "travel"), unit="degrees", bounds=(-180, 180)),
    # logging in
    _a("invalid_user", FLAG, "there is no such user", {LOGINS: "unknown users", RESETS: "unknown addresses"}),
    _a("leaked", FLAG, "the password is known from a leak", {LOGINS: "stuffing"}),
    _a("limited_by", TEXT, "what was counted when it was throttled, blocked or locked; what is blocked by user or "
       "client counts as the identity provider's own refusal", {LOGINS: "lockouts"},
       values=("address", "user", "client", "tenant", "network")),
    _a("factor", TEXT, "what was shown as proof", {ADMIN: "weak factor, failed factor", LOGINS: "MFA"},
       values=("password", "totp", "sms", "voice", "email", "push", "webauthn", "recovery", "question", "certificate",
               "federated", "other")),
    _a("mfa_used", FLAG, "more than one factor was shown", {ADMIN: "weak MFA"}),
    _a("first_factor_ok", FLAG, "the password was right, what followed was not", {ADMIN: "right password, failed MFA"}),
    _a("is_admin", FLAG, "the user may change other users or the configuration",
       {LOGINS: "success of an admin after an attack", ADMIN: "whose login it is", SESSIONS: "admin writes"}),
    _a("break_glass", FLAG, "an emergency account", {ADMIN: "break-glass use"}),
    # mail
    _a("recipient_domain", TEXT, "domain of the address mail went to", _all(MAIL, "delivery by domain")),
    _a("template", TEXT, "which mail", _all(MAIL, "delivery by template")),
    _a("delivery_state", TEXT, "what became of the mail", _all(MAIL, "delivery rate, bounces, complaints"),
       values=("queued", "sent", "delivered", "deferred", "bounced", "complained", "dropped")),
    _a("delivery_seconds", NUMBER, "from asking to delivery", _all(MAIL, "p95 of delivery"), **_SECONDS),
    _a("bounce", TEXT, "whether trying again can help", _all(MAIL, "bounces"), values=("hard", "soft")),
    _a("smtp_status", TEXT, "the receiving server's answer, for instance 421 or 5.7.1", _all(MAIL, "cause of bounces")),
    _a("link_problem", TEXT, "why a link was refused", _all(MAIL, "rejected links"),
       values=("expired", "used", "superseded", "invalid", "wrong_key", "foreign_tenant")),
    _a("link_age_seconds", NUMBER, "from issuing the link to its use", _all(MAIL, "TTL against delivery"), **_SECONDS),
    _a("scanner", FLAG, "a mail scanner opened the link", _all(MAIL, "links consumed by scanners")),
    _a("disposable_domain", FLAG, "the domain is of throw-away addresses", {VERIFICATION: "disposable surge"}),
    _a("cohort", TEXT, "where the sign-up came from", {VERIFICATION: "blocked cohort"}),
    # OAuth
    _a("stage", TEXT, "the step that ended", {OAUTH: "errors by step"},
       values=("authorize", "callback", "exchange", "userinfo")),
    _a("oauth_error", TEXT, "the `error` of RFC 6749 or OpenID Connect, for instance invalid_client",
       {OAUTH: "configuration errors"}),
    _a("error_class", TEXT, "whose fault it is", {OAUTH: "configuration, user, provider, local state"},
       values=("configuration", "user", "provider", "local_state")),
    _a("flow", TEXT, "the grant", {OAUTH: "errors by flow"},
       values=("authorization_code", "implicit", "hybrid", "device_code", "client_credentials", "refresh", "password",
               "exchange", "saml")),
    _a("http_status", WHOLE, "what the provider answered", {OAUTH: "provider 5xx"}, bounds=(100, 599)),
    _a("redirect_hash", TEXT, "hash of the redirect URI", {OAUTH: "redirect mismatch"}),
    # JWT
    _a("kid", TEXT, "the key the token names", {JWT: "unknown and untrusted kid"}),
    _a("alg", TEXT, "the algorithm the token names", {JWT: "none and off-list algorithms"}),
    _a("iss", TEXT, "the issuer the token names", {JWT: "issuer and key binding"}),
    _a("aud", TEXTS, "whom the token is for", {JWT: "wrong audience"}),
    _a("service", TEXT, "who checked it", {JWT: "rejects by service", LEAK: "where it happened"}),
    _a("reject_reason", TEXT, "why it was refused", {JWT: "rejects other than expired", SESSIONS: "invalid ids"},
       values=("expired", "not_yet_valid", "bad_signature", "unknown_kid", "wrong_issuer", "wrong_audience",
               "disallowed_alg", "alg_none", "untrusted_url", "malformed", "revoked", "replayed", "unknown_session")),
    _a("kid_trusted", FLAG, "the key is on our list; false on an accepted token is an incident",
       {JWT: "accepted with an untrusted kid"}),
    _a("alg_allowed", FLAG, "the algorithm is on our list; false on an accepted token is an incident",
       {JWT: "accepted with an off-list algorithm"}),
    _a("binding_ok", FLAG, "issuer, audience and key belong together; false on an accepted token is an incident",
       {JWT: "accepted with a wrong binding"}),
    _a("url_trusted", FLAG, "the jku or x5u of the token's header is on our list; false on an accepted token is an "
       "incident", {JWT: "accepted with an off-list jku or x5u"}),
    _a("state_ok", FLAG, "the state that came back is the one we sent; false on an accepted callback is an incident",
       {OAUTH: "accepted with a wrong state"}),
    _a("nonce_ok", FLAG, "the ID token has the nonce we sent; false on an accepted callback is an incident",
       {OAUTH: "accepted with a wrong nonce"}),
    _a("redirect_ok", FLAG, "it came back to a redirect URI of ours; false on an accepted callback is an incident",
       {OAUTH: "accepted at another redirect URI"}),
    _a("jwks_age_seconds", NUMBER, "age of the cached key set", {JWT: "age of the cache"}, **_SECONDS),
    _a("clock_skew_seconds", NUMBER, "our clock minus the issuer's", {JWT: "skew", RESETS: "skew"}, unit="seconds"),
    # tenants
    _a("allowed", FLAG, "the access went through", {LEAK: "confirmed or denied", ADMIN: "writes that went through"}),
    _a("granted", FLAG, "somebody permitted this access", {LEAK: "support and MSP grants"}),
    _a("grant_id", TEXT, "ticket or grant that permits it", {LEAK: "support and MSP grants"}),
    _a("resource", TEXT, "what was touched, without its content", {LEAK: "resources per actor"}),
    _a("cache_owner_tenant_id", TEXT, "whose entry the cache gave", {LEAK: "cache-owner mismatch"}),
    _a("canary_tenant_id", TEXT, "whose canary was in the answer", {LEAK: "canary mismatch"}),
    _a("missing_predicate", FLAG, "a query without its tenant condition", {LEAK: "missing-predicate query"}),
    _a("seen_by", TEXT, "what noticed it", {LEAK: "independent signals"},
       values=("guard", "query", "cache", "canary", "probe", "report")),
    # sessions
    _a("refresh_reused", FLAG, "a refresh was tried a second time", {SESSIONS: "refresh reuse"}),
    _a("reuse_age_seconds", NUMBER, "since its first use", {SESSIONS: "reuse beyond 30 s"}, **_SECONDS),
    _a("family_id", TEXT, "the chain of refreshes", {SESSIONS: "login → replay chain"}),
    _a("owner_user_id", TEXT, "whose session it is, when that is not the event's user", {SESSIONS: "two users"}),
    _a("automation", FLAG, "a program, not a browser or our app", {SESSIONS: "automation user agent"}),
    _a("revoked_by", TEXT, "who ended it", {SESSIONS: "revocations"}, values=("user", "admin", "system")),
    # administration
    _a("admin_action", TEXT, "what was changed", {ADMIN: "privileged changes"},
       values=("role_granted", "role_revoked", "api_key_created", "idp_created", "idp_changed", "mfa_reset",
               "policy_changed", "admin_invited", "admin_deleted", "user_created", "user_changed", "user_deleted",
               "client_changed", "impersonation", "config_changed")),
    _a("target_user_id", TEXT, "whom it was done to", {ADMIN: "persistence, admin deletions"}),
    _a("role", TEXT, "which role", {ADMIN: "privilege diff"}),
)  # fmt: skip

FIELDS: Mapping[str, Attribute] = MappingProxyType({field.name: field for field in _FIELDS})
"""The fields of an event that say something about it; `spine.event_check` says what is refused."""
ATTRIBUTES: Mapping[str, Attribute] = MappingProxyType({attribute.name: attribute for attribute in _DECLARED})
"""Every declared attribute by its name."""
