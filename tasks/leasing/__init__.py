"""The life of a lease: intent, effect, read-back, end. Every call may be made again at any time.

Each step is committed before the next begins, so a process may die anywhere: `settle_unknown` and
`revert_lease` alone bring whatever it left to a known end. No Prefect in here.
"""

from tasks.leasing.applying import apply_lease, intend_lease, settle_unknown
from tasks.leasing.extending import extend_incident
from tasks.leasing.ports import Ports, ports_of
from tasks.leasing.releasing import release_incident, release_lease
from tasks.leasing.reverting import revert_incident, revert_lease
from tasks.leasing.tending import Tended, tend_leases

__all__ = [
    "Ports",
    "Tended",
    "apply_lease",
    "extend_incident",
    "intend_lease",
    "ports_of",
    "release_incident",
    "release_lease",
    "revert_incident",
    "revert_lease",
    "settle_unknown",
    "tend_leases",
]
