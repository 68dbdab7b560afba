"""An application with the standard OpenFeature SDK sees a lease come and go, over real HTTP."""

from collections.abc import Iterator

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

from tasks.leasing import revert_lease

KEY = "auth.ipThrottle.enabled"


@pytest.fixture
def client(url: str, secret: str) -> Iterator[OpenFeatureClient]:
    provider = OFREPProvider(url, headers_factory=lambda: {"X-API-Key": secret})
    api.set_provider_and_wait(provider, domain="test-ofrep")
    yield api.get_client(domain="test-ofrep")
    api.shutdown()


def _at(ip: str) -> EvaluationContext:
    return EvaluationContext("somebody", {"ip": ip})


def test_an_application_sees_the_hold_of_a_lease_and_its_end(ledger, client: OpenFeatureClient) -> None:
    ledger.put(KEY, on=False)
    before = ledger.flag(KEY)
    assert client.get_boolean_value(KEY, True, _at("203.0.113.9")) is False

    lease = ledger.apply(ledger.step("ip.throttle", "203.0.113.0/24", "2001:db8:1::/48", per_minute=2))
    hit = client.get_boolean_details(KEY, False, _at("203.0.113.9"))
    assert (hit.value, hit.variant, hit.reason) == (True, "on", "TARGETING_MATCH")
    assert hit.flag_metadata == {"perMinute": 2.0, "burst": 1}
    assert client.get_boolean_value(KEY, False, _at("2001:db8:1::7")) is True
    assert client.get_boolean_value(KEY, False, _at("198.51.100.9")) is False

    revert_lease(ledger.database, lease.id, reason="verified", ports=ledger.ports)
    after = client.get_boolean_details(KEY, True, _at("203.0.113.9"))
    assert (after.value, after.variant, after.reason, after.error_code) == (False, "off", "STATIC", None)
    assert ledger.flag(KEY) == before
