"""Who moves a lease, with what."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from spine.lease import Lease
from store import leases
from store.engine import Database
from tasks.leasing.ports import Ports
from tasks.leasing.webhook import Announced, Phase
from tasks.mitigation import Mitigation, Observation
from tasks.shadow import shadow_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One caller's attempt to move one lease on."""

    database: Database
    ports: Ports
    actor: str
    fence: int | None
    """Fencing token of the caller's run; None = reconcile, protected by lock and state alone."""

    def lock(self, connection: Connection, lease_id: UUID) -> Lease:
        """The lease as it is now, locked, unless a newer run has taken over (`lease.fenced`)."""
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

    def look(self, lease: Lease) -> Observation:
        """Read the effect back, in a transaction of its own."""
        with self.database.system() as connection:
            return self.mitigation(lease).read_back(connection, lease, now=self.ports.clock.now())
