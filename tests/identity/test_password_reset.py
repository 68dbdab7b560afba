"""Passwords are made worthless at identity providers, and a mail lets their owners choose new ones."""

import pytest

from spine.lease import LeaseState
from tasks.identity.auth0 import Auth0
from tasks.identity.keycloak import Keycloak

MAIL = {"keycloak": "execute-actions-email", "auth0": "change_password"}


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
    assert "the old password is dead, but no mail was sent (" in ledger.told()[-1]


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
