"""A lease from intent to end: every turn with its receipt, record and message, and nothing without them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from spine.errors import Refused
from spine.incident import IncidentStatus
from spine.lease import LeaseState
from store import incidents, leases
from tasks.leasing import apply_lease, revert_lease, settle_unknown

KEY = "auth.rateLimit.strict"


def test_a_lease_comes_into_force_with_a_receipt_and_ends_with_the_exact_prior_version(ledger) -> None:
    ledger.put(KEY, on=False, perMinute=60)
    before = ledger.flag(KEY)
    lease = ledger.apply(ledger.step("rate_limit.strict", per_minute=6, burst=6))

    assert lease.state is LeaseState.ACTIVE
    assert lease.expires_at == ledger.clock.now() + timedelta(minutes=30)
    assert lease.pre_image == {"flag": KEY, "version": 1, "sha256": before.digest, "held_by": []}
    assert lease.receipt is not None
    assert lease.receipt["read_back"] == {
        "in_force": True, "flag": KEY, "version": 1, "reads": "on", "held_by": [str(lease.id)],
    }  # fmt: skip
    assert ledger.reads(KEY).metadata == {"scope": "address", "perMinute": 6, "burst": 6}

    ended = revert_lease(ledger.database, lease.id, reason="verified", ports=ledger.ports)
    assert (ended.state, ended.late_seconds, ended.revert_reason) == (LeaseState.REVERTED, None, "verified")
    assert ledger.flag(KEY) == before


def test_every_turn_leaves_timeline_audit_and_message(ledger) -> None:
    lease = ledger.apply(ledger.step("captcha.require"))
    revert_lease(ledger.database, lease.id, reason="harm", ports=ledger.ports, actor="person:ada@example.org")

    with ledger.database.system() as connection:
        told = [(r["kind"], r["actor"]) for r in map(dict, _timeline(connection, ledger.incident))]
    assert told == [("mitigation.applied", "engine"), ("mitigation.reverted", "person:ada@example.org")]
    topics = [r.topic for r in ledger.rows("select topic from outbox order by topic")]
    assert topics == ["mitigation.applied", "mitigation.reverted"]
    (executed,), (rolled_back,) = ledger.audited("action.executed"), ledger.audited("rollback.executed")
    assert executed["before"] == lease.pre_image
    assert executed["after"]["read_back"]["in_force"] is True
    assert rolled_back["detail"]["reason"] == "harm"
    held, released = ledger.audited("flag.changed")
    assert held["after"]["hold"] == released["before"]["hold"]
    assert held["before"]["hold"] is released["after"]["hold"] is None


def _timeline(connection, incident):
    return connection.execute(
        text("select kind, actor from incident_timeline where incident_id = :i order by id"), {"i": incident}
    ).mappings()


def test_doing_it_again_changes_nothing(ledger) -> None:
    lease = ledger.apply(ledger.step("captcha.require"))
    for _ in range(2):
        assert apply_lease(ledger.database, lease.id, fence=0, ports=ledger.ports) == lease
        assert settle_unknown(ledger.database, lease.id, ports=ledger.ports) == lease
        assert ledger.intend(ledger.step("captcha.require")) == lease
    ended = ledger.end(lease)
    assert revert_lease(ledger.database, lease.id, reason="again", ports=ledger.ports) == ended
    assert [len(ledger.audited(a)) for a in ("action.executed", "rollback.executed", "flag.changed")] == [1, 1, 2]
    with pytest.raises(Refused, match="a new plan makes a new one"):
        apply_lease(ledger.database, lease.id, fence=0, ports=ledger.ports)


def test_many_processes_on_one_lease_do_everything_once(ledger, receiver) -> None:
    ledger.with_webhook(receiver.url)
    lease = ledger.intend(ledger.step("captcha.require"))

    def apply(_: int) -> LeaseState:
        return apply_lease(ledger.database, lease.id, fence=0, ports=ledger.ports).state

    def revert(_: int) -> LeaseState:
        return ledger.end(lease).state

    with ThreadPoolExecutor(5) as pool:
        assert set(pool.map(apply, range(5))) == {LeaseState.ACTIVE}
        assert LeaseState.REVERTED in set(pool.map(revert, range(5)))
    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    assert receiver.distinct() == [f"{lease.id}:applied", f"{lease.id}:reverted"]
    assert [len(ledger.audited(a)) for a in ("action.executed", "rollback.executed", "flag.changed")] == [1, 1, 2]
    told = [row.topic for row in ledger.rows("select topic from outbox order by topic")]
    assert told == ["mitigation.applied", "mitigation.reverted"]


@pytest.mark.parametrize(
    ("step", "code"),
    [
        pytest.param({"action": "ip.block", "minutes": 30}, "lease.bounds", id="no target"),
        pytest.param({"action": "ip.block", "targets": ["203.0.112.0/20"]}, "lease.bounds", id="network too wide"),
        pytest.param({"action": "ip.block", "targets": ["2001:db8::/40"]}, "lease.bounds", id="IPv6 too wide"),
        pytest.param({"action": "ip.block", "targets": ["203.0.113.7/24"]}, "lease.bounds", id="host bits set"),
        pytest.param(
            {"action": "ip.block", "targets": [f"192.0.2.{i}" for i in range(21)]}, "lease.bounds", id="too many"
        ),
        pytest.param({"action": "ip.throttle", "targets": ["192.0.2.1"], "per_minute": 11}, "lease.bounds", id="mild"),
        pytest.param({"action": "captcha.require", "targets": ["192.0.2.1"]}, "lease.bounds", id="takes no target"),
        pytest.param({"action": "captcha.require", "minutes": 241}, "lease.bounds", id="too long"),
        pytest.param({"action": "captcha.require", "minutes": 0}, "lease.bounds", id="no time at all"),
        pytest.param({"action": "captcha.require", "minutes": -5}, "lease.bounds", id="negative time"),
        pytest.param({"action": "rate_limit.strict", "per_minute": 5, "burst": 11}, "lease.bounds", id="burst"),
        pytest.param({"action": "rate_limit.strict", "per_hour": 5}, "lease.bounds", id="unknown parameter"),
    ],
)
def test_what_breaks_a_bound_is_not_even_meant(ledger, step: dict[str, object], code: str) -> None:
    given = ledger.step(step.pop("action"), *step.pop("targets", ()), **step)
    with pytest.raises(Refused) as refusal:
        ledger.intend(given)
    assert refusal.value.code == code
    assert ledger.rows("select from leases") == []


def test_an_unknown_action_is_refused(ledger) -> None:
    with pytest.raises(Refused, match=r"There is no action 'ip.erase'; known are .*ip.block"):
        ledger.intend(ledger.step("ip.block", "192.0.2.1").model_copy(update={"action_key": "ip.erase"}))


def test_a_flag_that_moved_since_the_plan_was_signed_voids_the_action(ledger) -> None:
    ledger.put(KEY, on=False)
    step = ledger.step("rate_limit.strict").model_copy(update={"expected_version": 1})
    lease = ledger.intend(step)
    ledger.put(KEY, on=False, version=1, perMinute=3)
    with pytest.raises(Refused) as refusal:
        apply_lease(ledger.database, lease.id, fence=0, ports=ledger.ports)
    assert refusal.value.code == "lease.flag_moved"
    assert ledger.flag(KEY).holds == ()


def test_s18_an_incident_that_ended_meanwhile_lets_nothing_run(ledger) -> None:
    lease = ledger.intend(ledger.step("captcha.require"))
    with ledger.database.system() as connection:
        incidents.transition(
            connection, ledger.incident, IncidentStatus.RESOLVED, at=ledger.clock.now(), actor="engine", summary="over"
        )
    with pytest.raises(Refused, match="the action did not run"):
        apply_lease(ledger.database, lease.id, fence=0, ports=ledger.ports)
    ledger.tend(minutes=16)
    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    assert ledger.audited("flag.changed") == []


def test_when_the_record_cannot_be_written_the_action_does_not_run(ledger) -> None:
    lease = ledger.intend(ledger.step("captcha.require"))
    with ledger.database.owner() as connection:
        connection.execute(text("alter table audit_entries add constraint full_disk check (false) not valid"))
    tried = apply_lease(ledger.database, lease.id, fence=0, ports=ledger.ports)
    assert tried.state is LeaseState.UNKNOWN
    assert "full_disk" in (tried.error or "")
    assert ledger.rows("select from flag_holds") == []
    assert ledger.reads("auth.captcha.required").value is False

    with ledger.database.owner() as connection:
        connection.execute(text("alter table audit_entries drop constraint full_disk"))
    ledger.tend(minutes=2)
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE
    assert len(ledger.audited("action.executed")) == 1


def test_an_effect_that_never_shows_is_given_up_and_taken_back(ledger) -> None:
    """The flag of the tenant has no variant "on": the hold is stored, and never effective."""
    ledger.rows(
        "insert into flags(tenant_id, key, version, definition) values('acme', 'auth.captcha.required', 1,"
        """ '{"state": "ENABLED", "variants": {"calm": false}, "defaultVariant": "calm"}') returning key"""
    )
    lease = ledger.apply(ledger.step("captcha.require"))
    assert lease.state is LeaseState.UNKNOWN
    assert "read-back says otherwise" in (lease.error or "")
    for _ in range(6):
        ledger.tend(seconds=61)
    ended = ledger.lease(lease.id)
    assert ended.state is LeaseState.REVERTED
    assert "could not be brought into force" in (ended.revert_reason or "")
    assert ledger.flag("auth.captcha.required").holds == ()


def test_the_ledger_refuses_a_write_that_skips_a_state_or_comes_second(ledger) -> None:
    lease = ledger.apply(ledger.step("captcha.require"))
    with ledger.database.system() as connection:
        with pytest.raises(Refused, match="active cannot become reverted"):
            leases.advance(connection, lease.id, LeaseState.REVERTED, expected=LeaseState.ACTIVE, fence=0)
        with pytest.raises(Refused) as moved:
            leases.advance(connection, lease.id, LeaseState.ACTIVE, expected=LeaseState.UNKNOWN, fence=0)
        assert moved.value.code == "lease.moved"


def test_a_tenant_reads_its_own_leases_and_writes_none(ledger) -> None:
    lease = ledger.apply(ledger.step("captcha.require"))
    with ledger.database.tenant(ledger.tenant) as connection:
        assert leases.get(connection, lease.id) == lease
    with ledger.database.tenant("other") as connection, pytest.raises(Refused, match="There is no lease"):
        leases.get(connection, lease.id)
    with pytest.raises(DBAPIError, match="permission denied"), ledger.database.tenant(ledger.tenant) as connection:
        connection.execute(text("update leases set expires_at = now() + interval '1 year'"))


def test_in_a_drill_nobody_outside_is_told(ledger) -> None:
    ledger.rows("update incidents set synthetic = true, drill_id = 'd1' returning id")
    lease = ledger.apply(ledger.step("captcha.require"))
    assert lease.state is LeaseState.ACTIVE
    assert ledger.rows("select from outbox") == []
