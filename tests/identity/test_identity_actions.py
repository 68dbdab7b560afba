"""Actions at identity providers, through the ledger, against every vendor's published API over real HTTP."""

import json
from datetime import timedelta

import pytest
from identity_double import CUT, CUT_AFTER, once
from sqlalchemy import text

from spine.detect.subject import of_everybody
from spine.identity import LookUp
from spine.ids import NO_TENANT
from spine.lease import LeaseState
from spine.settings import Settings
from spine.settings.identity import IdentityProviderSettings, IdentitySettings
from store import leases
from tasks.identity.auth0 import Auth0
from tasks.identity.fact import identity_facts
from tasks.identity.keycloak import Keycloak
from tasks.leasing import ports_of, revert_lease

LOCK_CALL = {"keycloak": ("PUT", "/users/"), "auth0": ("PATCH", "/users/"), "okta": ("POST", "/suspend")}


def end(ledger, lease):
    return revert_lease(ledger.database, lease.id, reason="over", ports=ledger.ports)


def told(ledger, kind: str = "mitigation.told") -> list[str]:
    return [
        row.summary for row in ledger.rows("select summary from incident_timeline where kind = :k order by id", k=kind)
    ]


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

    assert end(ledger, lease).state is LeaseState.REVERTED
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
    ended = end(ledger, lease)
    assert ended.state is LeaseState.REVERTED
    assert (vendor.locked("ada"), vendor.locked("bob")) == (True, False)
    assert told(ledger)[0].startswith("user.lock_temp: ada: was locked before; left so")


def test_a_lock_of_two_leases_ends_with_the_later_one(vendor, at) -> None:
    ledger = at(vendor)
    first = ledger.apply(ledger.step("user.lock_temp", "ada"))
    second = ledger.apply(ledger.step("user.lock_temp", "ada", order=2))
    end(ledger, first)
    assert vendor.locked("ada")
    end(ledger, second)
    assert not vendor.locked("ada")


@pytest.mark.parametrize("kind", ["keycloak", "auth0", "webhook"])
def test_where_nobody_tells_who_locked_people_are_asked_to_look(kind: str, start, at) -> None:
    double = start(kind)
    ledger = at(double)
    lease = ledger.apply(ledger.step("user.lock_temp", "ada", "bob"))
    double.lock_by_hand("ada")
    end(ledger, lease)
    (said,) = told(ledger)
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
    assert end(ledger, lease).state is LeaseState.REVERTED
    assert not vendor.locked(renamed)
    assert vendor.kind != "webhook" or vendor.locked("ada")


def test_whoever_was_deleted_and_made_anew_is_left_alone(start, at) -> None:
    double = start("keycloak")
    ledger = at(double)
    lease = ledger.apply(ledger.step("user.lock_temp", "ada"))
    double.users["id-new"] = {**double.users.pop("id-ada"), "id": "id-new", "enabled": False}
    assert end(ledger, lease).state is LeaseState.REVERTED
    assert double.users["id-new"]["enabled"] is False
    assert "ada: is not there any more" in told(ledger)[0]


def test_only_whom_it_reached_is_unlocked(start, at) -> None:
    double = start("keycloak")
    ledger = at(double)
    double.mishap = lambda method, path: (403, {}, {}) if method == "PUT" and "bob" in path else None
    lease = ledger.apply(ledger.step("user.lock_temp", "ada", "bob", "cem"))
    assert lease.state is LeaseState.UNKNOWN
    double.lock_by_hand("cem")
    double.mishap = lambda method, path: None
    end(ledger, lease)
    assert (double.locked("ada"), double.locked("cem")) == (False, True), "cem was locked by a person, before our turn"


def test_okta_tells_that_somebody_else_changed_the_lock_since(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    lease = ledger.apply(ledger.step("user.lock_temp", "ada"))
    double.move(double.user("ada"), "ACTIVE")
    double.lock_by_hand("ada")
    assert end(ledger, lease).state is LeaseState.REVERTED
    assert double.locked("ada")
    assert "somebody else changed the lock since" in told(ledger)[0]


@pytest.mark.parametrize("kind", sorted(LOCK_CALL))
@pytest.mark.parametrize("mishap", [CUT, CUT_AFTER, (503, None, {})], ids=["never heard", "heard", "503"])
def test_a_lost_answer_is_unknown_and_resolved_by_reading_back(kind: str, mishap, start, at) -> None:
    double = start(kind)
    ledger = at(double)
    double.mishap = once(mishap, *LOCK_CALL[kind])
    lease = ledger.apply(ledger.step("user.lock_temp", "ada", "bob"))
    assert lease.state is LeaseState.UNKNOWN
    assert "1 of 2 are not known: ada: " in lease.error
    assert double.locked("bob"), "one lost answer keeps nobody else waiting"
    assert double.locked("ada") is (mishap == CUT_AFTER)

    ledger.tend(seconds=61)
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE
    assert double.locked("ada")
    assert len([w for w in double.writes() if "ada" in w]) == (1 if mishap == CUT_AFTER else 2)
    end(ledger, lease)
    assert not double.locked("ada"), "it was ours, whoever's answer was lost"


def test_a_webhook_whose_answer_was_lost_is_asked_with_the_same_id(start, at) -> None:
    double = start("webhook")
    ledger = at(double)
    calls = iter(range(100))
    double.mishap = lambda method, path: CUT_AFTER if next(calls) == 2 else None
    lease = ledger.apply(ledger.step("user.lock_temp", "ada"))
    assert lease.state is LeaseState.UNKNOWN
    ledger.tend(seconds=61)
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE
    ids = {id for kind, id in double.seen if kind == "opsspine.identity.lock"}
    assert len(ids) == 1
    assert next(iter(ids)).startswith(f"{lease.id}:lock:")


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
    assert told(ledger)[0].startswith("user.lock_temp: in force for 3 of 5; ")
    end(ledger, lease)
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


def test_a_short_limit_is_waited_for(start, at) -> None:
    double = start("auth0")
    ledger = at(double)
    double.mishap = once((429, {"error": "too_many_requests"}, {"retry-after": "0"}), "PATCH", "/users/")
    assert ledger.apply(ledger.step("user.lock_temp", "ada")).state is LeaseState.ACTIVE


@pytest.mark.parametrize(
    ("kind", "headers"),
    [("keycloak", {"retry-after": "120"}), ("auth0", "x-ratelimit-reset"), ("okta", "x-rate-limit-reset")],
)
def test_a_long_limit_costs_time_and_no_attempt(kind: str, headers, start, at) -> None:
    double = start(kind)
    ledger = at(double)
    if isinstance(headers, str):
        headers = {headers: str(int(double.now().timestamp()) + 120)}
    double.mishap = lambda method, path: (429, None, headers) if method != "GET" and "token" not in path else None
    lease = ledger.apply(ledger.step("user.lock_temp", "ada"))
    for _ in range(8):
        ledger.tend(seconds=30)
    waiting = ledger.lease(lease.id)
    assert (waiting.state, waiting.attempts) == (LeaseState.UNKNOWN, 1)
    assert "no sooner than in" in waiting.error
    assert waiting.next_attempt_at - ledger.clock.now() > timedelta(seconds=60)
    assert len([w for w in double.writes() if "ada" in w]) <= 3
    double.mishap = lambda method, path: None
    ledger.tend(minutes=3)
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE


@pytest.mark.parametrize(
    ("status", "says"), [(401, "does not accept our credential"), (403, "does not let our credential")]
)
def test_a_credential_that_opens_nothing_is_told_with_what_to_do(status: int, says: str, start, at) -> None:
    double = start("keycloak")
    ledger = at(double)
    double.mishap = lambda method, path: (status, {}, {}) if method == "PUT" else None
    lease = ledger.apply(ledger.step("user.lock_temp", "ada"))
    assert says in lease.error
    assert "OPSSPINE_IDENTITY__PROVIDERS, 'main'" in lease.error
    assert ("manage-users" in lease.error) is (status == 403)


def test_a_provider_that_is_gone_pages_when_it_cannot_be_taken_back(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    lease = ledger.apply(ledger.step("user.lock_temp", "ada", "bob"))
    double.mishap = once((500, None, {}), "POST", "/users/ada/lifecycle/unsuspend")
    failed = end(ledger, lease)
    assert failed.state is LeaseState.REVERT_FAILED
    assert not double.locked("bob"), "one that fails does not keep the others from being tried"
    assert ledger.rows("select 1 from outbox where topic = 'incident.escalated'")
    ledger.tend(seconds=61)
    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    assert not double.locked("ada")


def test_a_provider_that_cannot_be_read_back_is_given_up_loudly(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    double.mishap = lambda method, path: (
        CUT if double.locked("ada") or (method != "GET" and "suspend" not in path) else None
    )
    lease = ledger.apply(ledger.step("user.lock_temp", "ada"))
    assert lease.state is LeaseState.UNKNOWN
    for _ in range(6):
        ledger.tend(seconds=61)
    given_up = ledger.lease(lease.id)
    assert given_up.state is LeaseState.REVERT_FAILED
    assert "could not be read back" in given_up.revert_reason
    assert ledger.rows("select 1 from outbox where topic = 'incident.escalated'")
    double.mishap = lambda method, path: None
    ledger.tend(seconds=61)
    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    assert not double.locked("ada")


def test_sessions_end_and_their_access_tokens_are_refused_for_as_long_as_they_live(vendor, at) -> None:
    ledger = at(vendor)
    began = int(ledger.clock.now().timestamp())
    lease = ledger.apply(ledger.step("session.revoke_user", "ada"))
    assert (lease.state, lease.expires_at) == (LeaseState.ACTIVE, None)
    assert (vendor.sessions("ada"), vendor.sessions("bob")) == (0, 1)
    flag = ledger.reads("auth.session.notBefore", userId="ada")
    assert (flag.value, flag.metadata["notBefore"]) == (True, began)
    assert ledger.reads("auth.session.notBefore", userId="bob").value is False
    assert ledger.reads("auth.session.notBefore").value is False

    assert end(ledger, lease).state is LeaseState.REVERTED
    assert ledger.reads("auth.session.notBefore", userId="ada").value is True, "revoked tokens are not let in again"
    assert told(ledger) == ["session.revoke_user: what was done there stays: it cannot be undone"]
    ledger.clock.advance(timedelta(minutes=61))
    assert ledger.reads("auth.session.notBefore", userId="ada").value is False


@pytest.mark.parametrize(("action", "targets"), [("session.revoke_user", ("ada",)), ("session.revoke_scope", ())])
def test_the_flag_is_held_from_when_the_sessions_ended(action: str, targets, start, at) -> None:
    double = start("keycloak")
    ledger = at(double, access_token_minutes=2, tenants={"acme": "main"}, default="")
    double.mishap = lambda method, path: (503, None, {}) if "logout" in path or method == "PUT" else None
    lease = ledger.apply(ledger.step(action, *targets))
    for _ in range(2):
        ledger.tend(seconds=61)
    assert ledger.lease(lease.id).state is LeaseState.UNKNOWN
    assert ledger.reads("auth.session.notBefore", userId="ada").value is True
    double.mishap = lambda method, path: None
    ledger.tend(minutes=5)
    assert (ledger.lease(lease.id).state, double.sessions("ada")) == (LeaseState.ACTIVE, 0)
    ended = int(ledger.clock.now().timestamp())
    ledger.clock.advance(timedelta(seconds=119))
    flag = ledger.reads("auth.session.notBefore", userId="ada")
    assert (flag.value, flag.metadata["notBefore"]) == (True, ended)
    ledger.clock.advance(timedelta(seconds=2))
    assert ledger.reads("auth.session.notBefore", userId="ada").value is False


def test_the_flag_is_held_on_for_sessions_that_end_late(start, at) -> None:
    double = start("auth0")
    ledger = at(double, access_token_minutes=2)
    double.later = True
    lease = ledger.apply(ledger.step("session.revoke_user", "ada"))
    ledger.tend(seconds=61)
    double.settle()
    double.later = False
    ledger.tend(minutes=5)
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE
    flag = ledger.reads("auth.session.notBefore", userId="ada")
    assert (flag.value, flag.metadata["notBefore"]) == (True, int(ledger.clock.now().timestamp()))


def test_whoever_comes_back_is_not_signed_out_again(vendor, at) -> None:
    ledger = at(vendor)
    lease = ledger.intend(ledger.step("session.revoke_user", "ada"))
    ledger.apply(ledger.step("session.revoke_user", "ada"))
    vendor.log_in("ada")
    with ledger.database.owner() as connection:
        connection.execute(
            text("update leases set state = 'unknown', next_attempt_at = created_at where id = :id"), {"id": lease.id}
        )
    ledger.tend(seconds=61)
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE
    assert vendor.sessions("ada") == 1


def test_accepted_is_not_effective(start, at) -> None:
    double = start("auth0")
    ledger = at(double)
    double.later = True
    lease = ledger.apply(ledger.step("session.revoke_user", "ada"))
    assert lease.state is LeaseState.UNKNOWN
    assert "not in force" in lease.error
    ledger.tend(seconds=30)
    assert len(double.writes()) == 2, "it is waited for before it is asked again"
    double.settle()
    ledger.tend(seconds=61)
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE


def test_many_users_take_many_rounds_and_nobody_is_done_twice(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    names = [f"user{n:03}" for n in range(60)]
    for name in names:
        double.add(name)
    left = [25]

    def mishap(method: str, path: str):
        """Every round the API takes 25 requests, then asks for a minute."""
        left[0] -= 1
        return (429, None, {"retry-after": "60"}) if left[0] < 0 else None

    double.mishap = mishap
    lease = ledger.apply(ledger.step("password.force_reset", *names))
    rounds = 1
    while ledger.lease(lease.id).state is LeaseState.UNKNOWN and rounds < 30:
        assert ledger.lease(lease.id).attempts == 1
        left[0], rounds = 25, rounds + 1
        ledger.tend(seconds=61)
    done = ledger.lease(lease.id)
    assert done.state is LeaseState.ACTIVE
    assert rounds > 5
    assert set(done.receipt["read_back"]["users"]) == set(names)
    assert sorted(double.mails) == names, "one mail each"


def test_whoever_runs_the_response_is_not_signed_out_by_another_name(vendor, at) -> None:
    ledger = at(vendor, operator_users=["Ada@Example.org"])
    lease = ledger.apply(ledger.step("session.revoke_user", "ada", "bob"))
    assert (vendor.sessions("ada"), vendor.sessions("bob")) == (1, 0)
    assert "left out" in lease.receipt["read_back"]["users"]["ada"]


def test_a_password_is_worthless_and_a_mail_is_on_its_way(vendor, at) -> None:
    ledger = at(vendor)
    lease = ledger.apply(ledger.step("password.force_reset", "ada"))
    assert lease.state is LeaseState.ACTIVE
    assert (vendor.password_works("ada"), vendor.password_works("bob")) == (False, True)
    assert len(vendor.mails) == 1
    ledger.apply(ledger.step("password.force_reset", "ada"))
    assert len(vendor.mails) == 1, "the same lease does it once"


@pytest.mark.parametrize(
    ("kind", "record", "says"),
    [
        ("keycloak", {"federationLink": "ldap"}, "user federation"),
        ("keycloak", {"credentials": []}, "has no password here"),
        ("auth0", {"identities": [{"connection": "google-oauth2"}]}, "google-oauth2"),
        ("okta", {"credentials": {"provider": {"type": "ACTIVE_DIRECTORY"}}}, "ACTIVE_DIRECTORY"),
    ],
)
def test_a_password_that_lives_elsewhere_is_told(kind: str, record, says: str, start, at) -> None:
    double = start(kind)
    ledger = at(double)
    double.add("fay", **record)
    lease = ledger.apply(ledger.step("password.force_reset", "fay", "bob"))
    assert lease.state is LeaseState.ACTIVE
    assert says in lease.receipt["read_back"]["users"]["fay"]
    assert double.password_works("fay") is (record.get("credentials") != [])


def test_a_mail_that_was_not_sent_is_told(start, at) -> None:
    double = start("keycloak")
    ledger = at(double)
    double.user("ada")["email"] = ""
    lease = ledger.apply(ledger.step("password.force_reset", "ada"))
    assert not double.password_works("ada")
    assert "no mail was sent" in lease.receipt["read_back"]["users"]["ada"]


MAIL = {"keycloak": "execute-actions-email", "auth0": "change_password"}


@pytest.mark.parametrize("kind", sorted(MAIL))
def test_a_mail_that_failed_is_sent_by_the_next_round(kind: str, start, at) -> None:
    double = start(kind)
    ledger = at(double)
    answer = {"errorMessage": "Failed to send execute actions email"}
    double.mishap = lambda method, path: (500, answer, {}) if MAIL[kind] in path else None
    lease = ledger.apply(ledger.step("password.force_reset", "ada"))
    assert lease.state is LeaseState.UNKNOWN
    assert "no mail was sent, it is tried again" in lease.error
    double.mishap = lambda method, path: None
    ledger.tend(seconds=91)
    mended = ledger.lease(lease.id)
    assert (mended.state, len(double.mails)) == (LeaseState.ACTIVE, 1)
    assert mended.receipt["read_back"]["users"] == {"ada": "in force"}


@pytest.mark.parametrize("kind", sorted(MAIL))
def test_a_mail_that_is_never_sent_is_told(kind: str, start, at) -> None:
    double = start(kind)
    ledger = at(double)
    double.mishap = lambda method, path: (500, {}, {}) if MAIL[kind] in path else None
    lease = ledger.apply(ledger.step("password.force_reset", "ada"))
    for _ in range(3):
        ledger.tend(minutes=5)
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE
    assert "the old password is dead, but no mail was sent (" in told(ledger)[-1]


@pytest.mark.parametrize("kind", sorted(MAIL))
def test_a_process_that_dies_between_reset_and_mail_leaves_the_mail_to_the_next(kind: str, start, at, monkeypatch):
    double = start(kind)
    ledger = at(double)
    step = ledger.step("password.force_reset", "ada")
    lease = ledger.intend(step)
    provider = {"keycloak": Keycloak, "auth0": Auth0}[kind]

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(provider, "mail_reset", dies)
    with pytest.raises(KeyboardInterrupt):
        ledger.apply(step)
    monkeypatch.undo()
    assert (double.password_works("ada"), double.mails) == (False, [])
    ledger.tend(seconds=91)
    assert (ledger.lease(lease.id).state, len(double.mails)) == (LeaseState.ACTIVE, 1)


def test_a_role_is_taken_and_given_back(vendor, at) -> None:
    ledger = at(vendor)
    lease = ledger.apply(ledger.step("admin.role_revoke", "root"))
    assert lease.state is LeaseState.ACTIVE
    assert "admin" not in vendor.roles_of("root")
    assert "admin" in vendor.roles_of("ruth")
    assert end(ledger, lease).state is LeaseState.REVERTED
    assert vendor.roles_of("root") == {"admin"}


def test_a_role_that_somebody_gave_back_already_is_not_given_twice(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    lease = ledger.apply(ledger.step("admin.role_revoke", "root"))
    double.assign("root", {"type": "admin"})
    end(ledger, lease)
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
    assert end(ledger, lease).state is LeaseState.REVERTED


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


def test_a_realm_of_the_tenants_own_ends_all_its_sessions(start, at) -> None:
    double = start("keycloak")
    ledger = at(double, tenants={"acme": "main"}, default="")
    lease = ledger.apply(ledger.step("session.revoke_scope"))
    assert lease.state is LeaseState.ACTIVE
    assert double.realm["notBefore"] >= int(lease.created_at.timestamp())
    assert (double.pushed, double.sessions("ada")) == (1, 0)
    assert len(double.tokens) > 1, "our own token was one of those from before"
    assert ledger.reads("auth.session.notBefore").value is True


@pytest.mark.parametrize("kind", ["auth0", "okta", "keycloak"])
def test_where_the_provider_cannot_end_just_these_the_flag_alone_does_and_that_is_told(kind: str, start, at) -> None:
    double = start(kind)
    ledger = at(double)
    lease = ledger.apply(ledger.step("session.revoke_scope"))
    assert lease.state is LeaseState.ACTIVE
    assert double.writes() == []
    assert "by the flag alone" in told(ledger)[0]


def test_the_application_ends_everybodys_sessions(start, at) -> None:
    double = start("webhook")
    ledger = at(double)
    lease = ledger.apply(ledger.step("session.revoke_scope", scope="all"))
    assert (lease.state, double.sessions("ada"), double.sessions("root")) == (LeaseState.ACTIVE, 0, 0)


def test_of_everybodys_sessions_those_at_other_providers_are_told(start, at) -> None:
    main, shop = start("keycloak"), start("keycloak")
    ledger = at(main)
    shop.add("sue")
    providers = {
        "main": IdentityProviderSettings(**main.settings()), "shop": IdentityProviderSettings(**shop.settings())
    }  # fmt: skip
    ledger.settings = Settings(
        env="prod", identity=IdentitySettings(providers=providers, tenants={"globex": "shop", "acme": "main"})
    )
    ledger.ports = ports_of(ledger.settings, clock=ledger.clock)
    plan = ledger.add_incident(NO_TENANT)
    with ledger.database.system() as connection:
        connection.execute(
            text("update incidents set subject = :subject where id = :id"),
            {"subject": of_everybody(), "id": plan[0]},
        )
    facts = identity_facts(ledger.database, ledger.settings, NO_TENANT, {LookUp.PROVIDER}, now=ledger.clock.now())
    assert facts.elsewhere == ("globex",)
    lease = ledger.apply(ledger.step("session.revoke_scope", scope="all"), plan=plan)
    assert (lease.state, main.sessions("ada"), shop.sessions("sue")) == (LeaseState.ACTIVE, 0, 1)
    assert "sessions of globex are at other providers and stay" in told(ledger)[0]


def test_a_process_that_dies_within_the_effect_leaves_what_is_needed_to_go_on(vendor, at, monkeypatch) -> None:
    ledger = at(vendor)
    lease = ledger.intend(ledger.step("user.lock_temp", "ada", "bob"))
    provider = type(ledger.ports.actions["user.lock_temp"].work)
    real = provider.do

    def dies(self, provider, account, scene, image):
        if account.name == "bob":
            raise KeyboardInterrupt
        return real(self, provider, account, scene, image)

    monkeypatch.setattr(provider, "do", dies)
    with pytest.raises(KeyboardInterrupt):
        ledger.apply(ledger.step("user.lock_temp", "ada", "bob"))
    monkeypatch.undo()
    left = ledger.lease(lease.id)
    assert left.state is LeaseState.APPLYING
    assert set(left.pre_image["outside"]["users"]) == {"ada", "bob"}
    assert ledger.tend(seconds=30) == [], "the round may still be going on"
    ledger.tend(seconds=60)
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE
    assert vendor.locked("bob")
    end(ledger, lease)
    assert (vendor.locked("ada"), vendor.locked("bob")) == (False, False)


def test_no_secret_is_kept_anywhere(vendor, at) -> None:
    ledger = at(vendor)
    ledger.apply(ledger.step("user.lock_temp", "ada"))
    ledger.apply(ledger.step("password.force_reset", "bob", order=2))
    vendor.mishap = lambda method, path: (401, {"error": "no"}, {})
    ledger.apply(ledger.step("user.lock_temp", "cem", order=3))
    with ledger.database.system() as connection:
        kept = json.dumps([str(lease) for lease in leases.of_incident(connection, ledger.incident)])
        kept += str(ledger.rows("select entry from audit_entries")) + str(
            ledger.rows("select summary from incident_timeline")
        )
    known = ledger.settings.identity.providers["main"]
    for secret in (known.client_secret, known.token, known.secret):
        assert secret is None or secret.get_secret_value() not in kept
    assert "Bearer" not in kept
    assert "aA1!" not in kept


def test_in_dev_no_provider_is_called(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    ledger.settings.env = "dev"
    lease = ledger.apply(ledger.step("user.lock_temp", "ada"))
    assert lease.state is LeaseState.UNKNOWN
    assert "in dev no identity provider is touched" in lease.error
    assert double.log == []
