"""Who moves a lease, with what."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection

from spine.lease import Lease
from store import leases
from store.engine import Database
from tasks.leasing.ports import Ports
from tasks.leasing.webhook import Announced, Phase
from tasks.mitigation import Mitigation, Observation, Outside, World
from tasks.shadow import shadow_of

GRACE = timedelta(seconds=30)
"""How long a step may look unfinished before somebody else takes over; well above the webhook's timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One caller's attempt to move one lease on."""

    database: Database
    ports: Ports
    actor: str
    fence: int | None
    """Fencing token of the caller's run; None = reconcile, protected by lock and state alone."""

    def lock(self, connection: Connection, lease_id: UUID) -> Lease:
        """The lease as it is now, locked, unless a newer run, or people, have taken over (`lease.fenced`)."""
        return leases.lock(connection, lease_id, self.fence)

    def mitigation(self, lease: Lease) -> Mitigation:
        """What does the lease's action; of a drill's, what only plays it."""
        found = self.ports.action(lease.action_key)
        return shadow_of(found) if lease.shadow else found

    def announce(self, lease: Lease, phase: Phase) -> Announced | None:
        """Tell the webhook, if there is one; nobody is told of a drill's.

        Raises:
            Transient: the answer was lost.
        """
        if self.ports.webhook is None or lease.shadow:
            return None
        return self.ports.webhook.send(lease, phase)

    @property
    def world(self) -> World:
        """What effects beyond our own store are made with."""
        return World(database=self.database, settings=self.ports.settings, clock=self.ports.clock)

    def grace(self, lease: Lease) -> timedelta:
        """How long this lease may look unfinished: rounds of calls beyond our own store take their time."""
        if not isinstance(self.mitigation(lease), Outside):
            return GRACE
        return GRACE + 4 * timedelta(seconds=self.ports.settings.identity.round_seconds)

    def look(self, lease: Lease) -> Observation:
        """Read the effect back: ours in a transaction of its own, what lies beyond after it."""
        mitigation = self.mitigation(lease)
        with self.database.system() as connection:
            own = mitigation.read_back(connection, lease, now=self.ports.clock.now())
        if not isinstance(mitigation, Outside):
            return own
        beyond = mitigation.observe(self.world, lease)
        return Observation(in_force=own.in_force and beyond.in_force, detail={**own.detail, **beyond.detail})
