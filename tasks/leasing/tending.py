"""What reconcile does for the ledger: end what is over, finish what a dead process left."""

from dataclasses import dataclass
from uuid import UUID

from spine.lease import Lease, LeaseState
from store import leases
from store.engine import Database
from tasks.leasing.applying import settle_unknown
from tasks.leasing.containing import contain_on
from tasks.leasing.ports import Ports
from tasks.leasing.returning import hold_again
from tasks.leasing.reverting import revert_lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Tended:
    """One lease that was looked after."""

    lease_id: UUID
    action_key: str
    before: LeaseState
    after: LeaseState | None
    """None = it could not be moved this time; `error` says why."""
    error: str | None = None


def tend_leases(database: Database, ports: Ports) -> list[Tended]:
    """One round: leases whose time is over are taken back (containment stays, and pages), unfinished ones settled, and
    those that are eased off watched.

    Safe in several processes at once and while runs work on the same leases. One that fails does not keep
    the others waiting; it comes again next round.
    """
    now = ports.clock.now()
    with database.system() as connection:
        over = leases.due(connection, now)
        left = leases.unfinished(connection, now)
        eased = leases.eased(connection, now)
    tended = []
    # what calls other systems takes its time, and comes after what does not
    for lease in sorted([*over, *left, *eased], key=lambda lease: _slow(lease, ports)):
        try:
            if lease in over:
                after = contain_on(database, lease, ports) or revert_lease(
                    database, lease.id, reason="its time to live ended", ports=ports
                )
            elif lease in eased:
                after = hold_again(database, lease, ports)
            else:
                after = settle_unknown(database, lease.id, ports=ports)
            outcome: tuple[LeaseState | None, str | None] = (after.state, after.error)
        except Exception as error:  # whatever one lease raises, the others must be looked after
            outcome = (None, f"{type(error).__name__}: {error}")
        tended.append(
            Tended(
                lease_id=lease.id, action_key=lease.action_key, before=lease.state,
                after=outcome[0], error=outcome[1],
            )
        )  # fmt: skip
    return tended


def _slow(lease: Lease, ports: Ports) -> bool:
    """True for what reaches beyond our own store."""
    known = ports.actions.get(lease.action_key)
    return known is not None and known.spec.external and not lease.shadow
