"""How one person is reached: contacts, and which of them is used how soon."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from spine.errors import Refused
from spine.route import CONTACT

Channel = Literal["email", "slack", "pagerduty", "apprise"]
_MAIL = re.compile(r"^[^@\s<>,;:\"\\()\[\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?\Z")
_SLACK = re.compile(r"^[A-Z][A-Z0-9]{4,20}\Z")
_KEY = re.compile(r"^[A-Za-z0-9_-]{16,64}\Z")
_SCHEMA = re.compile(r"^([a-z][a-z0-9+.-]{1,30})://\S{3,}\Z")
_GENTLE = ("slack", "email", "apprise", "pagerduty")
"""What wakes people least, first."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A way to reach somebody; its address is sealed."""

    id: UUID
    channel: str
    name: str
    """What the person calls it."""

    @property
    def destination(self) -> str:
        """As the outbox wants it."""
        return f"{self.channel}:{CONTACT}{self.id}"


class ReachRule(BaseModel):
    """One way that is tried, and how long after the page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contact: str
    """The contact's name."""
    after_minutes: float = Field(default=0, ge=0, le=60)


def default_rules(contacts: Sequence[Contact], *, important: bool) -> list[ReachRule]:
    """What holds for who set no rules: important pages come by every way at once, others by the gentlest."""
    ordered = sorted(contacts, key=lambda c: _GENTLE.index(c.channel) if c.channel in _GENTLE else len(_GENTLE))
    return [ReachRule(contact=contact.name) for contact in (ordered if important else ordered[:1])]


def refuse_unknown(channel: Channel, address: str, schemas: Collection[str]) -> None:
    """Raises Refused when `address` is none of `channel`. `schemas`: the services of Apprise that people may name."""
    wants = {
        "email": (_MAIL, "an e-mail address, as name@example.org"),
        "slack": (_SLACK, "a Slack user id, as U0123ABCD"),
        "pagerduty": (_KEY, "a PagerDuty integration key"),
        "apprise": (_SCHEMA, "an Apprise URL, as pover://user@token"),
    }
    pattern, words = wants[channel]
    found = pattern.match(address)
    if not found or not address.isprintable() or len(address) > 2048:
        raise Refused("contact.address", f"What was given is not {words}; nothing was stored.")
    if channel == "apprise" and found.group(1) not in schemas:
        raise Refused(
            "contact.schema",
            f"{found.group(1)}:// is no service a contact may use; those are {', '.join(sorted(schemas))} "
            "(OPSSPINE_APPRISE__SCHEMAS). Nothing was stored.",
        )
