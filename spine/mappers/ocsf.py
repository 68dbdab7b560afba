"""The Authentication class (class_uid 3002) of the Open Cybersecurity Schema Framework.

Source: ocsf/ocsf-schema (`events/iam/authentication.json`, `objects/auth_factor.json`), schema.ocsf.io.
"""

from typing import Any

from spine.country import country_code
from spine.event_check import EventRefused, Reason
from spine.event_type import EventType as T
from spine.mapper import Mapper, RawEvent, Record, at, first, moment, need, own_id, raw_event, text

_CLASS = 3002
_ADMIN_USER = 2
_PAIR = 2
_ACTIVITIES: dict[int, tuple[T | None, T, dict[str, Any]]] = {
    1: (T.LOGIN_SUCCEEDED, T.LOGIN_FAILED, {}),
    2: (T.SESSION_ENDED, T.SESSION_ENDED, {}),
    3: (T.LOGIN_SUCCEEDED, T.LOGIN_FAILED, {}),
    4: (T.SESSION_USED, T.SESSION_REJECTED, {}),
    5: (T.SESSION_REFRESHED, T.SESSION_REFRESH_FAILED, {}),
    6: (None, T.LOGIN_FAILED, {}),
    7: (T.ADMIN_ACTION, T.ADMIN_ACTION_DENIED, {"admin_action": "impersonation"}),
}
"""activity_id -> (success, failure): logon, logoff, TGT, service ticket, renewal, pre-authentication, switch."""
_STATUS = {"1": True, "2": False, "success": True, "failure": False}
_DETAILS: dict[str, tuple[T, dict[str, Any]]] = {
    "USER_DOES_NOT_EXIST": (T.LOGIN_FAILED, {"invalid_user": True}),
    "ACCOUNT_LOCKED_OUT": (T.LOGIN_BLOCKED, {"limited_by": "user"}),
    "ACCOUNT_DISABLED": (T.LOGIN_BLOCKED, {"limited_by": "user"}),
}
_FACTORS = {
    1: "sms", 2: "question", 3: "voice", 4: "webauthn", 5: "push", 6: "totp", 7: "totp", 8: "email", 9: "webauthn",
    10: "webauthn", 11: "password", 99: "other",
}  # fmt: skip
_PROTOCOLS = {
    1: "ntlm", 2: "kerberos", 3: "digest", 4: "openid", 5: "saml", 6: "oauth2", 7: "pap", 8: "chap", 9: "eap",
    10: "radius", 11: "basic", 12: "ldap",
}  # fmt: skip


def events(record: Record) -> list[RawEvent]:
    """One event of the class; events of other classes are not about authentication."""
    activity = at(record, "activity_id")
    if at(record, "class_uid") != _CLASS or not isinstance(activity, int) or activity not in _ACTIVITIES:
        return []
    well, badly, known = _ACTIVITIES[activity]
    ours = well if _succeeded(record) else badly
    detail = text(record, "status_detail", "status_code")
    if ours is T.LOGIN_FAILED and detail in _DETAILS:
        ours, known = _DETAILS[detail]
    if ours is None:
        return []
    return [
        raw_event(
            ours,
            id=own_id("ocsf", text(record, "metadata.uid"), record),
            occurred_at=moment(first(record, "time", "time_dt")),
            user_id=need(record, "user.uid", "user.name", "user.email_addr"),
            provider=_provider(record),
            address=first(record, "src_endpoint.ip", "src_endpoint.hostname", "src_endpoint.name"),
            country=country_code(at(record, "src_endpoint.location.country")),
            user_agent=text(record, "http_request.user_agent"),
            session_id=text(record, "session.uid"),
            attributes=_attributes(record, detail) | known,
        )
    ]


def _succeeded(record: Record) -> bool:
    """By `status_id` (1, 2) or `status`.

    Raises:
        EventRefused: it says neither.
    """
    found = _STATUS.get(text(record, "status_id") or "")
    if found is None:
        found = _STATUS.get((text(record, "status") or "").lower())
    if found is None:
        raise EventRefused(Reason.MALFORMED, "status_id is neither 1 (success) nor 2 (failure)")
    return found


def _provider(record: Record) -> str | None:
    number = at(record, "auth_protocol_id")
    protocol = _PROTOCOLS.get(number) if isinstance(number, int) else None
    return protocol or text(record, "auth_protocol", "service.name", "metadata.product.name")


def _attributes(record: Record, detail: str | None) -> dict[str, Any]:
    latitude, longitude = _place(record)
    return {
        "vendor_type": text(record, "type_name", "activity_name", "activity_id"),
        "error_code": detail,
        "service": text(record, "service.name", "dst_endpoint.hostname"),
        "factor": _factor(record),
        "mfa_used": at(record, "is_mfa"),
        "is_admin": True if at(record, "user.type_id") == _ADMIN_USER else None,
        "asn": at(record, "src_endpoint.autonomous_system.number"),
        "device_id": text(record, "device.uid", "src_endpoint.uid"),
        "city": text(record, "src_endpoint.location.city"),
        "latitude": latitude,
        "longitude": longitude,
    }


def _factor(record: Record) -> str | None:
    """The last factor that was shown: the one that decided."""
    shown = at(record, "auth_factors")
    number = at(shown[-1], "factor_type_id") if isinstance(shown, list) and shown else None
    return _FACTORS.get(number) if isinstance(number, int) else None


def _place(record: Record) -> tuple[Any, Any]:
    """`lat` and `long`, or the older `coordinates`, which are [longitude, latitude]."""
    location = at(record, "src_endpoint.location")
    pair = at(location, "coordinates")
    if isinstance(pair, list) and len(pair) == _PAIR:
        return pair[1], pair[0]
    return at(location, "lat"), at(location, "long")


MAPPER = Mapper(
    name="ocsf",
    title="OCSF Authentication (3002)",
    reads="events of a security lake or of any product that writes OCSF",
    source="ocsf/ocsf-schema: authentication, auth_factor",
    events=events,
    label=lambda record: f"class_uid {at(record, 'class_uid')}",
)
