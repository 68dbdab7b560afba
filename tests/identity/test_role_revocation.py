"""Roles are taken from administrators at identity providers and given back."""

from identity_double import CUT_AFTER, once

from spine.lease import LeaseState


def test_a_role_is_taken_and_given_back(vendor, at) -> None:
    ledger = at(vendor)
    lease = ledger.apply(ledger.step("admin.role_revoke", "root"))
    assert lease.state is LeaseState.ACTIVE
    assert "admin" not in vendor.roles_of("root")
    assert "admin" in vendor.roles_of("ruth")
    assert ledger.end(lease).state is LeaseState.REVERTED
    assert vendor.roles_of("root") == {"admin"}


def test_a_role_that_somebody_gave_back_already_is_not_given_twice(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    lease = ledger.apply(ledger.step("admin.role_revoke", "root"))
    double.assign("root", {"type": "admin"})
    ledger.end(lease)
    assert len(double.user("root")["roles"]) == 1


def test_containment_stays_when_its_time_is_over(start, at) -> None:
    double = start("keycloak")
    ledger = at(double)
    lease = ledger.apply(ledger.step("admin.role_revoke", "root"))
    ledger.tend(hours=5)
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE
    assert "admin" not in double.roles_of("root")


def test_a_role_whose_answer_was_lost_stays_revoked_when_its_time_is_over(start, at) -> None:
    double = start("keycloak")
    ledger = at(double)
    double.mishap = once(CUT_AFTER, "DELETE", "role-mappings")
    lease = ledger.apply(ledger.step("admin.role_revoke", "root", minutes=15))
    assert lease.state is LeaseState.UNKNOWN
    ledger.tend(minutes=16)
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE
    assert "admin" not in double.roles_of("root")
    assert ledger.rows("select 1 from outbox where topic = 'incident.escalated'")


def test_a_provider_that_cannot_be_read_hands_no_role_back(start, at) -> None:
    double = start("keycloak")
    ledger = at(double)
    gone = []

    def mishap(method: str, path: str):
        if method == "DELETE" and "role-mappings" in path:
            gone.append(path)
            return None
        return (503, None, {}) if gone and "token" not in path else None

    double.mishap = mishap
    lease = ledger.apply(ledger.step("admin.role_revoke", "root"))
    for _ in range(9):
        ledger.tend(minutes=10)
        assert ledger.lease(lease.id).state is LeaseState.UNKNOWN
    pages = "select distinct payload->>'reason' as reason from outbox where topic = 'incident.escalated'"
    (page,) = ledger.rows(pages)
    assert "is not known to be in force, and is tried on until a person ends it" in page.reason
    double.mishap = lambda method, path: None
    ledger.tend(minutes=20)
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE
    assert "admin" not in double.roles_of("root")


def test_a_role_that_cannot_be_taken_pages_once_and_is_tried_on_until_people_end_it(start, at) -> None:
    double = start("keycloak")
    ledger = at(double)
    double.mishap = lambda method, path: (503, None, {}) if method == "DELETE" else None
    lease = ledger.apply(ledger.step("admin.role_revoke", "root"))
    for _ in range(9):
        ledger.tend(minutes=10)
    assert ledger.lease(lease.id).state is LeaseState.UNKNOWN
    pages = "select distinct payload->>'reason' from outbox where topic = 'incident.escalated'"
    assert len(ledger.rows(pages)) == 1
    assert ledger.end(lease).state is LeaseState.REVERTED


def test_two_administrators_remain_at_the_very_moment(vendor, at) -> None:
    ledger = at(vendor)
    vendor.lock_by_hand("rosa")
    lease = ledger.apply(ledger.step("admin.role_revoke", "root"))
    assert lease.state is LeaseState.UNKNOWN
    assert "only 1 other administrators can log in" in lease.error
    assert vendor.roles_of("root") == {"admin"}


def test_a_role_that_comes_by_a_group_is_told(start, at) -> None:
    double = start("keycloak")
    ledger = at(double)
    double.groups = {"g": {"roles": {"admin"}, "members": ["id-eve"]}}
    through = ledger.apply(ledger.step("admin.role_revoke", "eve"))
    assert "only through a group or another role" in through.error
    double.groups["g"]["members"].append("id-root")
    both = ledger.apply(ledger.step("admin.role_revoke", "root", order=2))
    assert both.state is LeaseState.ACTIVE
    assert "still has admin through a group" in both.receipt["read_back"]["users"]["root"]


def test_a_role_that_could_not_be_given_back_exactly_is_not_taken(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    double.add("una", groups=[{"id": "00g1"}])
    double.assign("una", {"type": "HELP_DESK_ADMIN"})
    lease = ledger.apply(ledger.step("admin.role_revoke", "una", roles=("HELP_DESK_ADMIN",)))
    assert "limited to some groups" in lease.error
    assert double.roles_of("una") == {"HELP_DESK_ADMIN"}
