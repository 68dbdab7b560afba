"""The rules for single fields of an event. Each gives the value to store, or raises EventRefused."""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from spine.event_type import KNOWN, ORIGINAL_TYPE, EventType
from spine.redact import redact


class Reason(StrEnum):
    """Why an event was refused. Stable: clients and counters rely on the words."""

    MALFORMED = "malformed"
    MISSING_ID = "missing_id"
    MISSING_TYPE = "missing_type"
    ID_TOO_LONG = "id_too_long"
    FIELD_TOO_LONG = "field_too_long"
    ATTRIBUTES_TOO_LARGE = "attributes_too_large"
    BAD_TIME = "bad_time"
    FUTURE = "future"
    TOO_OLD = "too_old"
    BAD_IP = "bad_ip"
    WRONG_TENANT = "wrong_tenant"
    NOT_A_DRILL = "not_a_drill"
    """Marked as synthetic by somebody who may not: a real event must not hide as a drill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLimits:
    """What an event may look like."""

    future: timedelta = timedelta(minutes=10)
    """Clocks may be this far ahead."""
    max_age: timedelta = timedelta(days=45)
    """Older events would be dropped by retention at once."""
    id_characters: int = 200
    text_characters: int = 256
    """Longest user id, session id, provider …"""
    attribute_bytes: int = 16 * 1024


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that was refused, and why."""

    reason: Reason
    detail: str


class EventRefused(Exception):
    """Raised by the checks of single fields; `parse_event` turns it into a value."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.rejection = Rejection(reason, detail)


TEXT_FIELDS = ("user_id", "provider", "session_id", "resource_tenant_id", "drill_id", "country", "user_agent")
USER_AGENT_CHARACTERS = 512
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_CONTROL_BUT_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
OWN_FIELDS = frozenset(
    ("id", "type", "occurred_at", "tenant_id", "ip", "attributes", "synthetic", "ingested_at", *TEXT_FIELDS)
)
"""Names of an event's own fields; every other name is an attribute."""


def clean(text: str) -> str:
    """`text` without NUL, control characters and halves of surrogate pairs."""
    return _CONTROL.sub("", text)


def check_id(value: object, limits: EventLimits) -> str:
    """The sender's id, as it is."""
    if value is None or value == "":
        raise EventRefused(Reason.MISSING_ID, "an event needs an id: it makes sending it twice harmless")
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise EventRefused(Reason.MALFORMED, "id must be text")
    text = str(value)
    if len(text) > limits.id_characters:
        raise EventRefused(Reason.ID_TOO_LONG, f"id has {len(text)} characters, {limits.id_characters} are allowed")
    if _CONTROL.search(text):
        raise EventRefused(Reason.MALFORMED, "id has control characters")
    return text


def check_kind(value: object) -> tuple[EventType, str | None]:
    """The type, and the name it was given by if that is not ours."""
    if value is None or value == "":
        raise EventRefused(Reason.MISSING_TYPE, "an event needs a type")
    if not isinstance(value, str):
        raise EventRefused(Reason.MALFORMED, "type must be text")
    if value in KNOWN:
        return EventType(value), None
    return EventType.OTHER, clean(value)[:100]


def check_time(value: object, now: datetime, limits: EventLimits) -> datetime:
    """When it happened, UTC; without a value `now`."""
    if value is None:
        return now
    try:
        moment = value if isinstance(value, datetime) else _moment(value)
    except (ValueError, OverflowError, OSError) as error:
        raise EventRefused(Reason.BAD_TIME, "occurred_at is no ISO 8601 time and no Unix time") from error
    if moment.tzinfo is None:
        raise EventRefused(Reason.BAD_TIME, "occurred_at has no time zone; add Z or an offset")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        raise EventRefused(Reason.BAD_TIME, "occurred_at is out of range") from error
    if moment > now + limits.future:
        raise EventRefused(Reason.FUTURE, f"occurred_at is more than {limits.future} ahead; check the sender's clock")
    if moment < now - limits.max_age:
        raise EventRefused(Reason.TOO_OLD, f"occurred_at is older than the {limits.max_age.days} days events are kept")
    return moment


def _moment(value: object) -> datetime:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    if not isinstance(value, str):
        raise ValueError("neither text nor number")
    return datetime.fromisoformat(value)


def check_ip(value: object) -> str | None:
    """The address in its one spelling."""
    if value is None or value == "":
        return None
    try:
        return normal_ip(str(value))
    except ValueError as error:
        raise EventRefused(Reason.BAD_IP, "ip is no IPv4 or IPv6 address") from error


def normal_ip(text: str) -> str:
    """The one spelling of an address; an IPv4 address inside IPv6 becomes IPv4.

    Raises:
        ValueError: it is no address.
    """
    address = ipaddress.ip_address(text.strip())
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            raise ValueError("an address with a zone means nothing elsewhere")
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
    return str(address)


def check_text(name: str, value: object, limits: EventLimits) -> str | None:
    """One text field, without control characters; an empty one is none. A long user agent is cut."""
    if value is None:
        return None
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise EventRefused(Reason.MALFORMED, f"{name} must be text")
    text = clean(str(value))
    if name == "user_agent":
        text = text[:USER_AGENT_CHARACTERS]
    elif len(text) > limits.text_characters:
        raise EventRefused(
            Reason.FIELD_TOO_LONG, f"{name} has {len(text)} characters, {limits.text_characters} are allowed"
        )
    return text or None


def check_flag(value: object) -> bool:
    """True, false, or missing, which is false."""
    if value is None or isinstance(value, bool):
        return bool(value)
    raise EventRefused(Reason.MALFORMED, "synthetic must be true or false")


def check_attributes(raw: Mapping[str, Any], original: str | None, limits: EventLimits) -> dict[str, Any]:
    """What `raw` has beside an event's own fields, as it may be stored: no secrets, not too large."""
    given = raw.get("attributes")
    if given is not None and not isinstance(given, Mapping):
        raise EventRefused(Reason.MALFORMED, "attributes must be an object")
    kept = {**(given or {}), **{str(k): v for k, v in raw.items() if k not in OWN_FIELDS}}
    if original is not None:
        kept[ORIGINAL_TYPE] = original
    return _safe(kept, limits.attribute_bytes) if kept else {}


def _safe(attributes: Mapping[str, Any], longest: int) -> dict[str, Any]:
    try:
        size = len(json.dumps(attributes, default=str, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, TypeError, RecursionError) as error:
        raise EventRefused(Reason.MALFORMED, "attributes are no JSON") from error
    if size > longest:
        raise EventRefused(Reason.ATTRIBUTES_TOO_LARGE, f"attributes have {size} bytes, {longest} are allowed")
    stored = _printable(redact(attributes))
    assert isinstance(stored, dict)
    return stored


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return _CONTROL_BUT_LINES.sub("", value)
    if isinstance(value, Mapping):
        return {_CONTROL.sub("", str(k)): _printable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_printable(v) for v in value]
    return value
