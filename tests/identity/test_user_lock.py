"""Accounts are locked at identity providers and unlocked, against every vendor's published API over real HTTP."""

import pytest

from spine.lease import LeaseState


def test_a_user_is_locked_read_back_and_unlocked(vendor, at) -> None:
    ledger = at(vendor)
    lease = ledger.apply(ledger.step("user.lock_temp", "ada", "bob"))
    assert lease.state is LeaseState.ACTIVE
    assert (vendor.locked("ada"), vendor.locked("bob"), vendor.locked("cem")) == (True, True, False)
    assert lease.receipt["read_back"]["users"] == {"ada": "in force", "bob": "in force"}
    calls = lease.receipt["outside"]["calls"]
    assert len(calls) == 2
    assert all(len(call["request_sha256"]) == 64 and call["provider_id"].startswith("req-") for call in calls)
    assert [entry["outcome"] for entry in ledger.audited("action.executed")] == ["begun", "ok"]

    assert ledger.end(lease).state is LeaseState.REVERTED
    assert not vendor.locked("ada")
    assert not vendor.locked("bob")
    assert not [write for write in vendor.writes() if "cem" in write]


def test_at_its_end_a_lock_lifts_itself(start, at) -> None:
    double = start("keycloak")
    ledger = at(double)
    lease = ledger.apply(ledger.step("user.lock_temp", "ada"))
    ledger.tend(minutes=16)
    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    assert not double.locked("ada")


def test_a_slow_provider_keeps_no_flag_waiting(start, at) -> None:
    ledger = at(start("keycloak"))
    ledger.apply(ledger.step("user.lock_temp", "ada"))
    ledger.apply(ledger.step("ip.block", "203.0.113.0/24", order=2))
    assert [tended.action_key for tended in ledger.tend(minutes=31)] == ["ip.block", "user.lock_temp"]


def test_a_lock_put_by_somebody_else_before_is_not_lifted(vendor, at) -> None:
    ledger = at(vendor)
    vendor.lock_by_hand("ada")
    lease = ledger.apply(ledger.step("user.lock_temp", "ada", "bob"))
    ended = ledger.end(lease)
    assert ended.state is LeaseState.REVERTED
    assert (vendor.locked("ada"), vendor.locked("bob")) == (True, False)
    assert ledger.told()[0].startswith("user.lock_temp: ada: was locked before; left so")


def test_a_lock_of_two_leases_ends_with_the_later_one(vendor, at) -> None:
    ledger = at(vendor)
    first = ledger.apply(ledger.step("user.lock_temp", "ada"))
    second = ledger.apply(ledger.step("user.lock_temp", "ada", order=2))
    ledger.end(first)
    assert vendor.locked("ada")
    ledger.end(second)
    assert not vendor.locked("ada")


@pytest.mark.parametrize("kind", ["keycloak", "auth0", "webhook"])
def test_where_nobody_tells_who_locked_people_are_asked_to_look(kind: str, start, at) -> None:
    double = start(kind)
    ledger = at(double)
    lease = ledger.apply(ledger.step("user.lock_temp", "ada", "bob"))
    double.lock_by_hand("ada")
    ledger.end(lease)
    (said,) = ledger.told()
    assert said.startswith("user.lock_temp: ada, bob: unlocked; the provider does not tell whether somebody else")


def _rename(double, name: str, new: str) -> str:
    """Give the user another name; returns by what the double finds them."""
    if double.kind == "okta":
        double.user(name)["profile"]["login"] = new
        return name
    if double.kind == "webhook":
        double.users[new] = double.users.pop(name)
        return new
    double.user(name)["username"] = new
    return name


def test_whoever_is_renamed_meanwhile_is_unlocked_and_not_whoever_has_the_name_now(vendor, at) -> None:
    ledger = at(vendor)
    lease = ledger.apply(ledger.step("user.lock_temp", "ada"))
    renamed = _rename(vendor, "ada", "ada2")
    if vendor.kind == "webhook":
        vendor.users["ada"] = {**vendor.users["bob"], "locked": True}
    assert ledger.end(lease).state is LeaseState.REVERTED
    assert not vendor.locked(renamed)
    assert vendor.kind != "webhook" or vendor.locked("ada")


def test_whoever_was_deleted_and_made_anew_is_left_alone(start, at) -> None:
    double = start("keycloak")
    ledger = at(double)
    lease = ledger.apply(ledger.step("user.lock_temp", "ada"))
    double.users["id-new"] = {**double.users.pop("id-ada"), "id": "id-new", "enabled": False}
    assert ledger.end(lease).state is LeaseState.REVERTED
    assert double.users["id-new"]["enabled"] is False
    assert "ada: is not there any more" in ledger.told()[0]


def test_only_whom_it_reached_is_unlocked(start, at) -> None:
    double = start("keycloak")
    ledger = at(double)
    double.mishap = lambda method, path: (403, {}, {}) if method == "PUT" and "bob" in path else None
    lease = ledger.apply(ledger.step("user.lock_temp", "ada", "bob", "cem"))
    assert lease.state is LeaseState.UNKNOWN
    double.lock_by_hand("cem")
    double.mishap = lambda method, path: None
    ledger.end(lease)
    assert (double.locked("ada"), double.locked("cem")) == (False, True), "cem was locked by a person, before our turn"


def test_okta_tells_that_somebody_else_changed_the_lock_since(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    lease = ledger.apply(ledger.step("user.lock_temp", "ada"))
    double.move(double.user("ada"), "ACTIVE")
    double.lock_by_hand("ada")
    assert ledger.end(lease).state is LeaseState.REVERTED
    assert double.locked("ada")
    assert "somebody else changed the lock since" in ledger.told()[0]


def test_users_it_could_not_be_done_to_are_told_and_hold_up_nobody(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    double.add("sue", status="LOCKED_OUT")
    lease = ledger.apply(ledger.step("user.lock_temp", "ada", "nobody", "sue", "bob", "cem"))
    assert lease.state is LeaseState.ACTIVE
    users = lease.receipt["read_back"]["users"]
    assert [name for name, said in users.items() if said == "in force"] == ["ada", "bob", "cem"]
    assert "not found at Okta" in users["nobody"]
    assert "LOCKED_OUT" in users["sue"]
    assert ledger.told()[0].startswith("user.lock_temp: in force for 3 of 5; ")
    ledger.end(lease)
    assert double.user("sue")["status"] == "LOCKED_OUT"


def test_nobody_there_ends_as_not_brought_into_force(start, at) -> None:
    ledger = at(start("keycloak"))
    lease = ledger.apply(ledger.step("user.lock_temp", "nobody"))
    for _ in range(6):
        ledger.tend(seconds=61)
    ended = ledger.lease(lease.id)
    assert ended.state is LeaseState.REVERTED
    assert "could not be brought into force" in ended.revert_reason
    assert "not found at Keycloak" in ended.revert_reason
