"""A flag as it is stored: its base, what is planned for it, and what is held on top of it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import rfc8785

from spine.flag.definition import Definition
from spine.flag.hold import Hold, compose
from spine.flag.schedule import Planned, base_at, due, next_edge


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFlag:
    """A flag's base as it stands, and what is held on top of it. Version 0 = the catalogue's own."""

    key: str
    version: int
    definition: Definition
    purpose: str
    owner: str
    temporary: bool = False
    """True = it is to be removed from the code one day."""
    updated_at: datetime | None
    holds: tuple[Hold, ...] = ()
    planned: tuple[Planned, ...] = ()
    """Bases to come, in order, and those whose time has come but that are not written down as versions yet."""

    def base_at(self, now: datetime) -> Definition:
        """The base in force at `now`."""
        return base_at(self.definition, self.planned, now)

    def version_at(self, now: datetime) -> int:
        """The version in force at `now`."""
        return self.version + len(due(self.planned, now))

    def at(self, now: datetime) -> Definition:
        """What applications see at `now`."""
        return compose(self.base_at(now), self.holds, now)

    def next_edge(self, now: datetime) -> datetime | None:
        """When that changes next by itself: a plan takes effect, or a hold lapses or is eased; None = never."""
        edges = [edge for hold in self.holds for edge in hold.edges()]
        if (begins := next_edge(self.planned, now)) is not None:
            edges.append(begins)
        return min((edge for edge in edges if edge > now), default=None)

    @property
    def digest(self) -> str:
        """SHA-256 of the base definition in canonical JSON."""
        return hashlib.sha256(rfc8785.dumps(self.definition.stored())).hexdigest()
