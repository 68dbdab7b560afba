"""Identity providers that answer late, not at all, or no: nothing is taken for done, and nothing is left undone."""

import json
from datetime import timedelta

import pytest
from identity_double import CUT, CUT_AFTER, once

from spine.lease import LeaseState
from store import leases

LOCK_CALL = {"keycloak": ("PUT", "/users/"), "auth0": ("PATCH", "/users/"), "okta": ("POST", "/suspend")}


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
    ledger.end(lease)
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
    failed = ledger.end(lease)
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
    ledger.end(lease)
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
