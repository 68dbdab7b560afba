"""What is held for an incident of many tenants is seen by all of them, and ends for all of them."""

import pytest
from sqlalchemy import text

from spine.detect.subject import of_everybody
from spine.ids import NO_TENANT, TenantId
from spine.lease import LeaseState
from store import flags
from store.flag_cache import FlagCache
from tasks.leasing import revert_incident

FLAG = "auth.email.provider"


def _reads(cache: FlagCache, tenant: str) -> object:
    return cache.get(TenantId(tenant)).evaluate(FLAG, {"tenant": tenant, "targetingKey": "x"}).value


def test_a_hold_of_everybodys_incident_reaches_every_tenant_until_it_is_taken_back(ledger) -> None:
    incident, decision = ledger.add_incident(NO_TENANT)
    with ledger.database.system() as connection:
        connection.execute(
            text("update incidents set subject = :s where id = :i"), {"s": of_everybody(), "i": incident}
        )
    cache = FlagCache(ledger.database, ledger.clock)
    before = {tenant: _reads(cache, tenant) for tenant in ("acme", "other")}
    lease = ledger.apply(ledger.step("email.failover"), plan=(incident, decision))
    held = {tenant: _reads(cache, tenant) for tenant in before}
    assert lease.tenant_id == NO_TENANT
    assert all(held[tenant] != before[tenant] for tenant in before)
    revert_incident(ledger.database, incident, reason="test", ports=ledger.ports)
    assert {tenant: _reads(cache, tenant) for tenant in before} == before
    cache.close()


@pytest.mark.parametrize(
    ("action", "key", "in_force"),
    [
        pytest.param("email.failover", FLAG, True, id="what eases is told"),
        pytest.param("tenant.isolate", "tenant.isolation", False, id="containment is not in force"),
    ],
)
def test_a_tenant_whose_own_flag_cannot_follow_is_never_left_out_without_a_word(
    ledger, action: str, key: str, in_force: bool
) -> None:
    own = {"state": "ENABLED", "variants": {"mine": "mine"}, "defaultVariant": "mine"}
    with ledger.database.system() as connection:
        flags.put(
            connection,
            ledger.tenant,
            key,
            own,
            expected_version=0,
            actor="person:a",
            reason="ours",
            at=ledger.clock.now(),
        )
    plan = ledger.add_incident(NO_TENANT)
    with ledger.database.system() as connection:
        connection.execute(text("update incidents set subject = :s where id = :i"), {"s": of_everybody(), "i": plan[0]})
    lease = ledger.apply(ledger.step(action), plan=plan)
    assert (lease.state is LeaseState.ACTIVE) is in_force
    told = lease.error or str(ledger.rows("select summary from incident_timeline where kind = 'mitigation.told'"))
    assert "it does not reach acme" in told


def test_a_hold_of_an_application_without_tenants_is_nobody_elses(ledger) -> None:
    plan = ledger.add_incident(NO_TENANT)
    cache = FlagCache(ledger.database, ledger.clock)
    before = _reads(cache, "acme")
    ledger.apply(ledger.step("email.failover"), plan=plan)
    assert (_reads(cache, "acme"), _reads(cache, NO_TENANT) != before) == (before, True)
    cache.close()
