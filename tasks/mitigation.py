"""What a mitigation must be able to do: apply, revert and be read back, each any number of times."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import Connection

from spine.action import ActionSpec
from spine.clock import Clock
from spine.errors import OpsSpineError
from spine.lease import Lease
from spine.settings import Settings
from store.engine import Database


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


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a mitigation reaches beyond a transaction with."""

    database: Database
    settings: Settings
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """What an effect beyond our own store brought."""

    receipt: dict[str, Any] = field(default_factory=dict)
    """Hashes of the requests and what the other side calls them; stored with the lease."""
    image: dict[str, Any] | None = None
    """The foreseen image with what was learned on the way; None = nothing was."""
    pending: OpsSpineError | None = None
    """Why it is not finished; what is in the image need not be done again."""


@runtime_checkable
class Outside(Protocol):
    """What a mitigation does, beside its `Mitigation`, beyond our own store: always between transactions.

    Every method may be called again, and raises what the other side made of it: an error means that the outcome is not
    known. `foresee` is stored before `perform` begins, so whoever finds the lease knows what was there before.
    """

    def foresee(self, world: World, lease: Lease) -> dict[str, Any]:
        """What is there before; stored as `outside` of the lease's pre-image.

        With `complete: false` it is asked again in the next round, to go on from there.
        """
        ...

    def perform(self, world: World, lease: Lease) -> Performed:
        """Make it so, target by target; what is so already is left alone."""
        ...

    def withdraw(self, world: World, lease: Lease) -> Observation:
        """Take it back as far as it is ours, and look whether it is gone. Never called for what cannot be undone."""
        ...

    def observe(self, world: World, lease: Lease) -> Observation:
        """Look whether it is so. `told` in the detail is what people must know beside."""
        ...
