"""Events: what an application tells us about one login, reset, callback …

`parse_event` is the one gate for events that come one by one; `store.columnar` applies the same rules to
columns. What is refused is refused with a stable reason, what is odd but harmless is mended.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from spine.event_check import (
    TEXT_FIELDS,
    EventLimits,
    EventRefused,
    Reason,
    Rejection,
    check_attributes,
    check_flag,
    check_id,
    check_ip,
    check_kind,
    check_text,
    check_time,
    normal_ip,
)
from spine.event_type import LOGIN_FAMILY, EventType
from spine.ids import NO_TENANT, TenantId

__all__ = [
    "LOGIN_FAMILY",
    "Event",
    "EventLimits",
    "EventType",
    "Reason",
    "Rejection",
    "normal_ip",
    "parse_event",
]
_LIMITS = EventLimits()


class Event(BaseModel):
    """One row of `auth_ops_logs`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    type: EventType
    occurred_at: AwareDatetime
    tenant_id: TenantId = NO_TENANT
    user_id: str | None = None
    provider: str | None = None
    ip: str | None = None
    country: str | None = None
    user_agent: str | None = None
    session_id: str | None = None
    resource_tenant_id: str | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)
    synthetic: bool = False
    drill_id: str | None = None


def parse_event(
    raw: Mapping[str, Any], *, now: datetime, tenant: TenantId, limits: EventLimits = _LIMITS
) -> Event | Rejection:
    """The event that `raw` describes, or why it is refused.

    `tenant` comes from the caller's credentials; a body that names another one is refused. Without
    `occurred_at` the event happened `now`. Names we do not know go to `attributes`, secrets in there do not
    survive.
    """
    if not isinstance(raw, Mapping):
        return Rejection(Reason.MALFORMED, f"an event is an object, this is {type(raw).__name__}")
    try:
        kind, original = check_kind(raw.get("type"))
        if raw.get("tenant_id") not in (None, "", tenant):
            raise EventRefused(Reason.WRONG_TENANT, "the event names another tenant than the credentials")
        return Event(
            id=check_id(raw.get("id"), limits),
            type=kind,
            occurred_at=check_time(raw.get("occurred_at"), now, limits),
            tenant_id=tenant,
            ip=check_ip(raw.get("ip")),
            attributes=check_attributes(raw, original, limits),
            synthetic=check_flag(raw.get("synthetic")),
            **{name: check_text(name, raw.get(name), limits) for name in TEXT_FIELDS},
        )
    except EventRefused as refusal:
        return refusal.rejection
