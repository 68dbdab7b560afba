"""33. A rollback step raises: the others still run; it pages and is retried until it works."""

from dataclasses import replace

from spine.lease import LeaseState
from tasks.leasing import revert_incident, tend_leases


class Stubborn:
    """An action whose way back fails until it is mended."""

    def __init__(self, real) -> None:
        self.spec, self.pre_image, self.apply, self.read_back = real.spec, real.pre_image, real.apply, real.read_back
        self._real, self.broken = real, True

    def revert(self, *args, **kwargs) -> None:
        if self.broken:
            raise ConnectionError("the denylist does not answer")
        self._real.revert(*args, **kwargs)


def test_s33_the_others_are_taken_back_and_the_failed_one_pages_and_is_retried(ledger) -> None:
    captcha = ledger.apply(ledger.step("captcha.require", order=1))
    block = ledger.apply(ledger.step("ip.block", "203.0.113.0/24", order=2))
    limit = ledger.apply(ledger.step("rate_limit.strict", order=3))
    stubborn = Stubborn(ledger.ports.actions["ip.block"])
    ports = replace(ledger.ports, actions={**ledger.ports.actions, "ip.block": stubborn})

    ended = revert_incident(ledger.database, ledger.incident, reason="harm", ports=ports)
    assert [one.id for one in ended] == [block.id, limit.id, captcha.id]  # riskiest first of one moment
    assert [one.state for one in ended] == [LeaseState.REVERT_FAILED, LeaseState.REVERTED, LeaseState.REVERTED]
    (page,) = ledger.rows("select severity, payload from outbox where topic = 'incident.escalated'")
    assert page.severity == 3
    assert "the denylist does not answer" in page.payload["reason"]

    ledger.clock.advance(ledger.step("ip.block", "203.0.113.0/24").ttl)
    tend_leases(ledger.database, ports)
    assert ledger.lease(block.id).attempts == 2
    assert len(ledger.rows("select from outbox where topic = 'incident.escalated'")) == 1

    stubborn.broken = False
    ledger.clock.advance(ledger.step("ip.block", "203.0.113.0/24").ttl)
    tend_leases(ledger.database, ports)
    assert ledger.lease(block.id).state is LeaseState.REVERTED
    assert ledger.flag("auth.ipDeny.enabled").holds == ()
    assert [e["outcome"] for e in ledger.audited("rollback.executed")].count("failed") == 2
