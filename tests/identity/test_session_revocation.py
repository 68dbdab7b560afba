"""Sessions end at identity providers, and their access tokens are refused for as long as they live."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from spine.detect.subject import of_everybody
from spine.identity import LookUp
from spine.ids import NO_TENANT
from spine.lease import LeaseState
from spine.settings import Settings
from spine.settings.identity import IdentityProviderSettings, IdentitySettings
from tasks.identity.fact import identity_facts
from tasks.leasing import ports_of


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

    assert ledger.end(lease).state is LeaseState.REVERTED
    assert ledger.reads("auth.session.notBefore", userId="ada").value is True, "revoked tokens are not let in again"
    assert ledger.told() == ["session.revoke_user: what was done there stays: it cannot be undone"]
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


def test_whoever_runs_the_response_is_not_signed_out_by_another_name(vendor, at) -> None:
    ledger = at(vendor, operator_users=["Ada@Example.org"])
    lease = ledger.apply(ledger.step("session.revoke_user", "ada", "bob"))
    assert (vendor.sessions("ada"), vendor.sessions("bob")) == (1, 0)
    assert "left out" in lease.receipt["read_back"]["users"]["ada"]


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
    assert "by the flag alone" in ledger.told()[0]


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
    assert "sessions of globex are at other providers and stay" in ledger.told()[0]
