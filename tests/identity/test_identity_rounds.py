"""What becomes of a round of calls whose lease is ended while it goes on."""

from datetime import timedelta

import pytest

from spine.errors import Refused
from spine.lease import LeaseState
from tasks.leasing import revert_lease

NAMES = ("ada", "bob", "cem")


def told(ledger) -> str:
    return "\n".join(row.summary for row in ledger.rows("select summary from incident_timeline order by id"))


def pages(ledger) -> list[str]:
    return [row.reason for row in ledger.rows("select payload->>'reason' as reason from outbox")]


def within(ledger, monkeypatch, action: str, name: str, happens) -> None:
    """Have `happens` happen once, in the round of `action`, when it is the turn of `name`."""
    work = type(ledger.ports.actions[action].work)
    real, left = work.do, [happens]

    def do(self, provider, account, scene, image):
        if account.name == name and left:
            left.pop()()
        return real(self, provider, account, scene, image)

    monkeypatch.setattr(work, "do", do)


def ended_by_a_person(ledger, lease, into: list) -> None:
    into.append(
        revert_lease(ledger.database, lease.id, reason="false alarm", ports=ledger.ports, actor="person:ada")
    )  # fmt: skip


def test_a_lease_ended_within_its_round_leaves_nobody_locked(vendor, at, monkeypatch) -> None:
    ledger = at(vendor)
    step = ledger.step("user.lock_temp", *NAMES)
    lease, seen = ledger.intend(step), []
    within(ledger, monkeypatch, "user.lock_temp", "bob", lambda: ended_by_a_person(ledger, lease, seen))
    with pytest.raises(Refused, match=r"was ended while it was made.*false alarm.*taken back") as refused:
        ledger.apply(step)
    assert refused.value.code == "lease.ended"
    assert seen[0].state is LeaseState.REVERTING, "nothing is said to be over before it is"
    assert "calls are being made until" in seen[0].error
    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    assert [vendor.locked(name) for name in NAMES] == [False, False, False]
    assert "is to end (false alarm): calls are being made until" in told(ledger)


def test_a_role_taken_away_after_its_lease_was_ended_is_given_back(start, at, monkeypatch) -> None:
    double = start("keycloak")
    ledger = at(double)
    step = ledger.step("admin.role_revoke", "root")
    lease, seen = ledger.intend(step), []
    within(ledger, monkeypatch, "admin.role_revoke", "root", lambda: ended_by_a_person(ledger, lease, seen))
    with pytest.raises(Refused):
        ledger.apply(step)
    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    assert double.roles_of("root") == {"admin"}


def test_a_process_killed_after_its_lease_was_ended_leaves_nobody_locked(start, at, monkeypatch) -> None:
    double = start("keycloak")
    ledger = at(double)
    step = ledger.step("user.lock_temp", *NAMES)
    lease, seen = ledger.intend(step), []

    def happens() -> None:
        ended_by_a_person(ledger, lease, seen)
        double.lock_by_hand("cem")  # what the process does in its last moment
        raise KeyboardInterrupt

    within(ledger, monkeypatch, "user.lock_temp", "bob", happens)
    with pytest.raises(KeyboardInterrupt):
        ledger.apply(step)
    ledger.tend(seconds=60)
    assert ledger.lease(lease.id).state is LeaseState.REVERTING, "the round may still go on"
    ledger.tend(seconds=11)
    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    assert [double.locked(name) for name in NAMES] == [False, False, False]


def test_calls_made_after_nobody_waited_for_them_are_undone_and_told(start, at, monkeypatch) -> None:
    double = start("keycloak")
    ledger = at(double)
    step = ledger.step("user.lock_temp", *NAMES)
    lease, seen = ledger.intend(step), []

    def stopped() -> None:
        ledger.clock.advance(timedelta(seconds=71))
        ended_by_a_person(ledger, lease, seen)

    within(ledger, monkeypatch, "user.lock_temp", "bob", stopped)
    with pytest.raises(Refused, match="was ended while it was made"):
        ledger.apply(step)
    assert seen[0].state is LeaseState.REVERTED
    assert [double.locked(name) for name in NAMES] == [False, False, False]
    assert "calls were made after it had ended; what they did was taken back" in told(ledger)
    assert pages(ledger).count(None) == len(pages(ledger)), "nobody needs to be woken"


def test_late_calls_that_cannot_be_undone_page(start, at, monkeypatch) -> None:
    double = start("keycloak")
    ledger = at(double)
    step = ledger.step("user.lock_temp", *NAMES)
    lease, seen = ledger.intend(step), []

    def stopped() -> None:
        ledger.clock.advance(timedelta(seconds=71))
        ended_by_a_person(ledger, lease, seen)
        double.mishap = lambda method, path: (503, None, {}) if double.locked("cem") else None

    within(ledger, monkeypatch, "user.lock_temp", "bob", stopped)
    with pytest.raises(Refused, match="could not be undone"):
        ledger.apply(step)
    assert any("undo them by hand" in str(page) for page in pages(ledger))


def test_a_round_that_fails_as_a_whole_keeps_nobody_waiting(start, at) -> None:
    double = start("keycloak")
    ledger = at(double, tenants={"acme": "main"}, default="")
    double.mishap = lambda method, path: (503, None, {}) if path.endswith("/logout-all") else None
    lease = ledger.apply(ledger.step("session.revoke_scope"))
    assert lease.state is LeaseState.UNKNOWN
    image = ledger.lease(lease.id).pre_image["outside"]
    assert (image["open"], image["torn"]) == (False, True)
    ended = ledger.end(lease)
    assert ended.state is LeaseState.REVERTED
