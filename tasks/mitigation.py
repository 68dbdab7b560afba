"""What a mitigation must be able to do: apply, revert and be read back, each any number of times."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection

from spine.action import ActionSpec
from spine.lease import Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What an independent look at the world found, in a transaction of its own."""

    in_force: bool
    """The lease's own effect is there."""
    detail: dict[str, Any] = field(default_factory=dict)


class Mitigation(Protocol):
    """One kind of action. `connection` is a transaction of the system role; the caller commits.

    `apply` and `revert` run in one transaction with their audit entry: no record, no effect. Both are
    idempotent, so that whoever finds a lease half done may simply do it again.
    """

    @property
    def spec(self) -> ActionSpec[Any]:
        """Its declaration."""
        ...

    def pre_image(self, connection: Connection, lease: Lease) -> dict[str, Any]:
        """What is there before, exactly."""
        ...

    def apply(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """Make it so."""
        ...

    def revert(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """Take it back."""
        ...

    def read_back(self, connection: Connection, lease: Lease, *, now: datetime) -> Observation:
        """Look, in a transaction of its own, whether it is so."""
        ...
