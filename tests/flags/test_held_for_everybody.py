"""What is held for an incident of many tenants is seen by all of them, and ends for all of them."""

from sqlalchemy import text

from spine.detect.subject import of_everybody
from spine.ids import NO_TENANT, TenantId
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


def test_a_hold_of_an_application_without_tenants_is_nobody_elses(ledger) -> None:
    plan = ledger.add_incident(NO_TENANT)
    cache = FlagCache(ledger.database, ledger.clock)
    before = _reads(cache, "acme")
    ledger.apply(ledger.step("email.failover"), plan=plan)
    assert (_reads(cache, "acme"), _reads(cache, NO_TENANT) != before) == (before, True)
    cache.close()
