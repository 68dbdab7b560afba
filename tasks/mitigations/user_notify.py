"""user.notify: have the application tell its users something. The spine knows no addresses; the application does."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field, field_validator
from sqlalchemy import Connection

from spine.action import ActionParams, ActionSpec, Names
from spine.identity import LookUp
from spine.identity_guard import webhook_ready
from spine.lease import Lease
from spine.plan import Risk
from store import incidents, notices
from tasks.mitigation import Observation

_LINK = re.compile(r"https?:|www\.|\w\.(?:com|net|org|io)\b", re.IGNORECASE)


class Params(ActionParams):
    """What is said."""

    message: str = Field(
        default="We saw unusual activity and secured your account. Sign in from the app and review your devices.",
        min_length=1,
        max_length=500,
    )
    """What happened, what was done, one safe step; no links. Source: RUNBOOKS 0."""

    @field_validator("message")
    @classmethod
    def _no_link(cls, message: str) -> str:
        if _LINK.search(message):
            raise ValueError("a notice bears no link: people learn to click on such ones")
        return message


SPEC = ActionSpec(
    key="user.notify",
    title="Have the application tell users what happened",
    params=Params,
    risk=Risk.LOW,
    reversible=False,
    ttl=None,
    max_targets=1000,
    names=Names(of="userId", noun="users"),
    guards=(webhook_ready,),
    harmless=True,
    look_ups=frozenset({LookUp.PROVIDER}),
    external=True,
)


@dataclass(frozen=True, slots=True)
class Notice:
    """Rows of the outbox; the relay delivers them, with the retries of every notification."""

    spec: ActionSpec[Params] = SPEC

    def pre_image(self, connection: Connection, lease: Lease) -> dict[str, Any]:
        """Who had a notice within the hour, and gets none."""
        told = notices.noticed(connection, lease.tenant_id, lease.targets, lease.created_at - notices.APART)
        return {"deduplicated": len(told)}

    def apply(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """Write them; a second time changes nothing."""
        message = self.spec.parse(lease.params).message
        severity = incidents.get(connection, lease.incident_id).severity
        notices.notify(
            connection, lease.tenant_id, lease.targets, message,
            lease=lease.id, incident=lease.incident_id, severity=severity, now=now,
        )  # fmt: skip

    def revert(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """What was said was said."""

    def read_back(self, connection: Connection, lease: Lease, *, now: datetime) -> Observation:
        """Everybody has a notice waiting or delivered: this one's, or one of the hour before."""
        told = notices.noticed(connection, lease.tenant_id, lease.targets, lease.created_at - notices.APART)
        own = sum(by == lease.id for by in told.values())
        detail = {"notices": own, "deduplicated": len(told) - own}
        return Observation(in_force=set(lease.targets) <= set(told), detail=detail)


MITIGATION = Notice()
