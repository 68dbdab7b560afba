"""Leases of a drill: everything is played, written down and taken back, and nobody sees or hears a thing."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection

from spine.action import ActionSpec, NoParams, Ttl
from spine.lease import Lease, LeaseState
from spine.plan import Risk
from store import flag_epoch, flags
from tasks.leasing import revert_lease
from tasks.mitigation import Observation
from tasks.mitigations import actions
from tasks.shadow import Shadow, shadow_of

FLAG = "auth.captcha.required"


@pytest.fixture
def drilled(ledger: Any) -> Any:
    """The ledger, its incident that of a drill."""
    ledger.rows("update incidents set synthetic = true, drill_id = 'd1' returning id")
    return ledger


def test_a_flag_held_by_a_drill_reads_as_before_for_everybody_but_the_drill(drilled: Any) -> None:
    before, epoch = drilled.reads(FLAG), _epoch(drilled)
    lease = drilled.apply(drilled.step("captcha.require"))
    assert (lease.state, lease.shadow) == (LeaseState.ACTIVE, True)
    assert lease.receipt["read_back"]["reads"] == "on", "the drill's own evaluation sees its hold"
    assert drilled.reads(FLAG) == before
    assert _epoch(drilled) == epoch, "no cache needs to read anew"
    with drilled.database.system() as connection:
        assert flags.all_flags(connection, drilled.tenant)[FLAG].holds == ()


def test_taking_it_back_leaves_the_exact_version_and_no_hold(drilled: Any) -> None:
    version = drilled.put(FLAG, on=False)
    before = drilled.flag(FLAG).digest
    lease = drilled.apply(drilled.step("captcha.require"))
    ended = revert_lease(drilled.database, lease.id, reason="over", ports=drilled.ports)
    assert ended.state is LeaseState.REVERTED
    assert (drilled.flag(FLAG).version, drilled.flag(FLAG).digest) == (version, before)
    assert drilled.rows("select from flag_holds where released_at is null") == []


def test_a_real_incidents_hold_and_a_drills_do_not_meet(drilled: Any) -> None:
    other = drilled.add_incident()
    real = drilled.apply(drilled.step("captcha.require"), plan=other)
    played = drilled.apply(drilled.step("captcha.require"))
    assert (real.shadow, played.shadow) == (False, True)
    assert drilled.reads(FLAG).value is True
    revert_lease(drilled.database, played.id, reason="over", ports=drilled.ports)
    assert drilled.reads(FLAG).value is True, "the end of a drill ends nothing real"


def test_the_trail_tells_a_shadow_from_a_change(drilled: Any) -> None:
    drilled.apply(drilled.step("captcha.require"))
    (entry,) = drilled.audited("flag.changed")
    assert entry["after"]["hold"]["shadow"] is True


def test_the_webhook_hears_of_no_drill(drilled: Any, receiver: Any) -> None:
    told = drilled.with_webhook(receiver.url)
    lease = told.apply(told.step("captcha.require"))
    revert_lease(told.database, lease.id, reason="over", ports=told.ports)
    assert receiver.messages == []
    assert lease.receipt["webhook"] is None


class Outside:
    """A mitigation that reaches another system."""

    spec = ActionSpec(
        key="captcha.require", title="t", params=NoParams, risk=Risk.HIGH, reversible=True, external=True,
        ttl=actions()["captcha.require"].spec.ttl or Ttl,
    )  # fmt: skip

    def pre_image(self, connection: Connection, lease: Lease) -> dict[str, Any]:
        raise AssertionError("a drill looked outside")

    def apply(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        raise AssertionError("a drill acted outside")

    revert = apply

    def read_back(self, connection: Connection, lease: Lease, *, now: datetime) -> Observation:
        raise AssertionError("a drill looked outside")


def test_what_reaches_other_systems_is_only_played(drilled: Any) -> None:
    drilled.ports = replace(drilled.ports, actions={"captcha.require": Outside()})
    lease = drilled.apply(drilled.step("captcha.require"))
    assert (lease.state, lease.receipt["read_back"]["shadow"]) == (LeaseState.ACTIVE, True)
    ended = revert_lease(drilled.database, lease.id, reason="over", ports=drilled.ports)
    assert (ended.state, ended.error) == (LeaseState.REVERTED, None)


def test_only_mitigations_of_our_own_store_are_run_in_a_drill() -> None:
    """A new kind of mitigation is a shadow until somebody has made sure that its effects are marked."""
    assert isinstance(shadow_of(Outside()), Shadow)
    run = {key for key, one in actions().items() if not isinstance(shadow_of(one), Shadow)}
    assert all(actions()[key].spec.flag_key or key == "evidence.snapshot" for key in run)
    assert not any(actions()[key].spec.external for key in run)


def _epoch(ledger: Any) -> int:
    with ledger.database.system() as connection:
        return flag_epoch.epoch(connection, ledger.tenant)
