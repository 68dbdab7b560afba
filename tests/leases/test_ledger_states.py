"""Whatever anybody does in whatever order, the ledger and the flag agree (hypothesis state machine)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spine.errors import Refused
from spine.lease import HOLDING, TRANSITIONS, LeaseState, check_transition
from tasks.leasing import apply_lease, revert_lease, settle_unknown


@contextmanager
def _unless_it_has_ended() -> Iterator[None]:
    try:
        yield
    except Refused as refusal:
        if refusal.code != "lease.ended":
            raise


_moves = st.lists(
    st.tuples(st.sampled_from(["apply", "revert", "settle", "tend", "wait", "take"]), st.integers(0, 2)), max_size=12
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_moves)
def test_a_flag_is_held_exactly_by_the_leases_that_are_in_force(ledger, moves: list[tuple[str, int]]) -> None:
    plan = ledger.add_incident()
    steps = [ledger.step("ip.block", f"192.0.2.{n}", order=n, minutes=5) for n in range(3)]
    meant = [ledger.intend(step, plan=plan) for step in steps]
    fence = 0
    for move, n in moves:
        with _unless_it_has_ended():
            if move == "apply":
                apply_lease(ledger.database, meant[n].id, fence=fence, ports=ledger.ports)
            elif move == "revert":
                revert_lease(ledger.database, meant[n].id, reason="test", ports=ledger.ports)
            elif move == "settle":
                settle_unknown(ledger.database, meant[n].id, ports=ledger.ports)
            elif move == "take":
                fence = ledger.take(plan[0])
            else:
                ledger.clock.advance(timedelta(minutes=2 if move == "wait" else 0))
                ledger.tend()
        now = [ledger.lease(one.id) for one in meant]
        held = {h.lease_id for h in ledger.flag("auth.ipDeny.enabled").holds} & {one.id for one in meant}
        assert held == {one.id for one in now if one.state is LeaseState.ACTIVE}
    ledger.tend(hours=1)
    assert {ledger.lease(one.id).state for one in meant} == {LeaseState.REVERTED}


@pytest.mark.parametrize("state", list(LeaseState))
def test_every_state_in_which_an_effect_may_exist_leads_back(state: LeaseState) -> None:
    reached, frontier = {state}, {state}
    while frontier:
        frontier = {new for old in frontier for new in TRANSITIONS[old]} - reached
        reached |= frontier
    assert LeaseState.REVERTED in reached
    if state in HOLDING and state is not LeaseState.REVERTING:
        check_transition(state, LeaseState.REVERTING)
