"""One rule of who is told: what it is about, when it holds, and where the news goes."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from spine.hours import Hours
from spine.incident import IncidentKind
from spine.severity import Severity

_DESTINATION = re.compile(r"^[a-z][a-z0-9_]{0,31}(:\S.{0,254})?\Z")
SeverityLabel = Literal["info", "medium", "high", "critical"]


@dataclass(frozen=True, slots=True)
class Destination:
    """A channel and, where it is not the channel's usual one, a place in it: "slack", "slack:#security"."""

    channel: str
    target: str = ""
    """"" = where the channel goes by its settings. Never a secret: a name for one at most."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The destination written as `channel` or `channel:target`."""
        channel, _, target = text.partition(":")
        return cls(channel, target)

    def __str__(self) -> str:
        return f"{self.channel}:{self.target}" if self.target else self.channel


CONTACT = "contact."
"""Begins a target that is one person's own way to be reached; the rest is its id. Nobody else may name it."""


def names_a_contact(destination: str) -> bool:
    """True of `channel:contact.…`: such a way is opened for its person alone, by their own rules."""
    return Destination.parse(destination).target.strip().startswith(CONTACT)


def _well_formed(text: str) -> str:
    if names_a_contact(text):
        raise ValueError(f"{text[:60]!r} is a person's own way to be reached; a policy calls them by person:<e-mail>")
    if not _DESTINATION.match(text) or not text.isprintable():
        raise ValueError(f"{text[:60]!r} is no destination; write a channel, or channel:target as slack:#security")
    return text


class Rule(BaseModel):
    """Who hears of what. A rule says what it cares about; what it leaves out is everything.

    Rules are read in order, and every one that matches adds where it sends to. `last` ends the reading.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=80)
    to: tuple[Annotated[str, AfterValidator(_well_formed)], ...] = ()
    """Channels, or channel:target. None with `last`: nobody is told."""
    topics: tuple[str, ...] = ()
    """Topics, as incident.opened; a star stands for any part: incident.*."""
    kinds: tuple[IncidentKind, ...] = ()
    tenants: tuple[str, ...] = ()
    """Tenants; a star stands for any part."""
    least: SeverityLabel = "info"
    """From this severity on."""
    most: SeverityLabel = "critical"
    """Up to this severity."""
    hours: Hours | None = None
    """Only then; None = always."""
    last: bool = False
    """No later rule is read when this one matches."""

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Where it sends to."""
        return tuple(Destination.parse(text) for text in self.to)

    def weighs(self, severity: Severity) -> bool:
        """True when `severity` lies between `least` and `most`."""
        return Severity[self.least.upper()] <= severity <= Severity[self.most.upper()]
