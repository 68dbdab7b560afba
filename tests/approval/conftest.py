"""What the tests of break-glass share."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spine.approval import Code
from spine.lease import Lease, LeaseState
from spine.person import Role
from spine.plan import Decision, Gate, Risk, Step
from store import incidents
from tasks.leasing import apply_lease, intend_lease, ports_of


@pytest.fixture
def glass(approval_case: Any) -> Any:
    """A yes that only break-glass made possible, and what it let through, in force.

    It covers both steps of its plan; the first has run.
    """
    case, keeper = approval_case, approval_case.person("keeper", Role.BREAK_GLASS)
    case.clock.advance(datetime.now(UTC) - case.clock.now())  # flags end by the machine's clock
    case.decision = case.plan("now")
    case.keeper, case.asked = keeper, case.ask(steps=(1, 2))
    assert case.decide(case.asked, keeper).code is Code.DECIDED
    case.ports = ports_of(case.settings, clock=case.clock)

    def put_in_force(decision: Decision, action: str = "ip.throttle", **params: object) -> Lease:
        """The first step of a plan, run by whatever run has the incident."""
        with case.database.system() as connection:
            fence = incidents.get(connection, case.incident.id).fence
        step = Step(
            order=1, action_key=action, params=params, targets=("203.0.113.0/24",) if action == "ip.throttle" else (),
            ttl=timedelta(minutes=60), risk=Risk.MEDIUM, gate=Gate.APPROVE,
        )  # fmt: skip
        meant = intend_lease(
            case.database, tenant=case.tenant, incident_id=case.incident.id, decision_id=decision.decision_id,
            step=step, fence=fence, ports=case.ports,
        )  # fmt: skip
        lease = apply_lease(case.database, meant.id, fence=fence, ports=case.ports)
        assert lease.state is LeaseState.ACTIVE
        return lease

    case.put_in_force = put_in_force
    case.lease = put_in_force(case.decision, per_minute=1)
    return case
