"""Vendors' logs as events: what a mapper is, and the small tools mappers share.

A mapper is one file in spine/mappers/: a pure function from one of the vendor's records to our raw events (as
`spine.event.parse_event` takes them), tables of the vendor's names, and a `MAPPER` that declares it. It is found
by name. A record that says nothing about authentication gives no event and is counted as skipped.
"""

import ipaddress
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from spine.attribute import ATTRIBUTES
from spine.event_check import EventRefused, Reason, Rejection, clean
from spine.event_type import EventType
from spine.ids import NO_TENANT, derive

FAULTS = {
    error: fault
    for fault, errors in {
        "configuration": "invalid_client unauthorized_client invalid_scope unsupported_response_type invalid_request"
        " unsupported_grant_type redirect_uri_mismatch invalid_redirect_uri client_not_found client_disabled"
        " invalid_client_credentials invalid_config invalid_issuer invalid_signature unknown_identity_provider",
        "user": "access_denied login_required interaction_required consent_required account_selection_required"
        " rejected_by_user consent_denied",
        "provider": "server_error temporarily_unavailable identity_provider_error identity_provider_login_failure",
        "local_state": "invalid_grant invalid_code expired_code code_verifier_missing invalid_code_verifier"
        " pkce_verification_failed user_session_not_found session_expired",
    }.items()
    for error in errors.split()
}
"""Whose fault an OAuth error is. Source: RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core 3.1.2.6,
org.keycloak.events.Errors, and Google's word for a redirect mismatch."""
Record = Mapping[str, Any]
RawEvent = dict[str, Any]
_MILLISECONDS = 1_000
_DECIMALS = 6
_LABEL_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapper:
    """One vendor's log."""

    name: str
    """What `--format` takes; the name of its file."""
    title: str
    reads: str
    """Where the records come from, in words."""
    source: str
    """The vendor's document the tables were made from."""
    events: Callable[[Record], list[RawEvent]]
    """The events of one record; none when it is not about authentication.

    Raises:
        EventRefused: it is, but it cannot be understood.
    """
    label: Callable[[Record], str]
    """The vendor's name of the kind of record, by which skipped ones are counted."""
    inside: Callable[[Record], Iterable[Any]] = lambda record: (record,)
    """The records an envelope holds."""


def map_document(mapper: Mapper, document: object) -> Iterator[RawEvent | Rejection | str]:
    """What one JSON document holds: raw events, refusals, and the label of each record that was skipped."""
    for outer in document if isinstance(document, list) else [document]:
        if not isinstance(outer, Mapping):
            yield Rejection(Reason.MALFORMED, f"a record is an object, this is {type(outer).__name__}")
            continue
        for record in mapper.inside(outer):
            yield from _one(mapper, record)


def _one(mapper: Mapper, record: object) -> Iterator[RawEvent | Rejection | str]:
    if not isinstance(record, Mapping):
        yield Rejection(Reason.MALFORMED, f"a record is an object, this is {type(record).__name__}")
        return
    try:
        found = mapper.events(record)
    except EventRefused as refusal:
        yield refusal.rejection
        return
    except RecursionError:
        yield Rejection(Reason.MALFORMED, "the record is nested too deeply")
        return
    if found:
        yield from found
    else:
        yield clean(mapper.label(record))[:_LABEL_CHARACTERS]


def at(record: object, path: str) -> Any:
    """What stands at a dotted path; None where a step is missing or no object."""
    for name in path.split("."):
        if not isinstance(record, Mapping):
            return None
        record = record.get(name)
    return record


def first(record: object, *paths: str) -> Any:
    """The first of `paths` at which something stands."""
    return next((found for path in paths if (found := at(record, path)) not in (None, "", [], {})), None)


def text(record: object, *paths: str) -> str | None:
    """The first of `paths` at which a text or number stands, as text."""
    found = first(record, *paths)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else None


def need(record: object, *paths: str) -> str:
    """`text`, without which the record cannot be used.

    Raises:
        EventRefused: there is none.
    """
    if (found := text(record, *paths)) is None:
        raise EventRefused(Reason.MALFORMED, f"the record has no {' or '.join(paths)}")
    return found


def moment(value: object) -> datetime:
    """A vendor's time: ISO 8601, UTC where it names no zone, or Unix milliseconds.

    Raises:
        EventRefused: it is neither.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / _MILLISECONDS, UTC)
        if not isinstance(value, str):
            raise TypeError("neither text nor number")
        whole, dot, rest = value.partition(".")
        digits = len(rest) - len(rest.lstrip("0123456789"))
        found = datetime.fromisoformat(whole + dot + rest[: min(digits, _DECIMALS)] + rest[digits:])
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise EventRefused(Reason.BAD_TIME, "the record's time is no ISO 8601 time and no Unix milliseconds") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def own_id(vendor: str, given: str | None, record: Record) -> str:
    """A stable id: the vendor's own, with its name before it; derived from the whole record where it has none."""
    if given is None:
        given = str(derive(vendor, NO_TENANT, json.dumps(record, sort_keys=True, default=str)))
    return f"{vendor}:{given}"


def raw_event(kind: EventType, *, address: object = None, attributes: Record, **fields: Any) -> RawEvent:
    """An event for `parse_event`, without what is missing.

    What stands where an address should, and is none (a host, "AWS Internal"), goes to `remote_host`.
    """
    kept = {name: value for name, value in attributes.items() if value not in (None, "", [], {})}
    if kind is EventType.OAUTH_CALLBACK_ERROR and (fault := FAULTS.get(str(kept.get("oauth_error")))):
        kept["error_class"] = fault
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    if isinstance(address, str) and address:
        if _is_address(address):
            given["ip"] = address
        else:
            kept["remote_host"] = address
    return {"type": kind.value, **given, "attributes": kept}


def declared(name: str, value: str | None, translate: Mapping[str, str]) -> str | None:
    """A vendor's word in ours; `other` where the attribute has that and the word is unknown."""
    if value is None:
        return None
    return translate.get(value) or ("other" if "other" in ATTRIBUTES[name].values else None)


def domain(address: object) -> str | None:
    """The domain of an e-mail address."""
    return address.rpartition("@")[2].lower() or None if isinstance(address, str) and "@" in address else None


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value.strip())
    except ValueError:
        return False
    return True
