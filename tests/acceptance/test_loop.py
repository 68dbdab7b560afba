"""The main job, from the first hostile login to a verified audit chain, on real processes."""

from typing import Any

import pytest

from spine.incident import IncidentStatus
from spine.lease import LeaseState
from spine.verdict import Outcome
from store import audit, flags
from store.decide import decide

pytestmark = pytest.mark.timeout(300)


def test_an_attack_is_mitigated_verified_rolled_back_and_audited(stack: Any, tenant: Any) -> None:
    """Detected by a schedule, approved by a person, applied as a lease, verified, ended, and all on record."""
    question = tenant.asked()
    before = _flag(stack, tenant)
    assert not tenant.throttled(), "nothing may happen before the approval"
    outcome = decide(
        stack.database, question.id, person=tenant.person, vote="approve", via="cli", reason="stop it",
        totp=tenant.totp.now(), settings=stack.settings,
    )  # fmt: skip
    assert outcome.counted, outcome.message
    tenant.until(tenant.throttled, "the application reads the throttle")
    assert not tenant.throttled("192.0.2.7"), "a known good address must not be throttled"
    tenant.attack(60, kind="login_throttled")  # what an application writes that obeys the flag
    tenant.calm(minutes=0.1, n=20)
    tenant.until(lambda: _calm_until(tenant, IncidentStatus.MITIGATED), "the mitigation is verified", seconds=90)
    tenant.until(
        lambda: tenant.status() is IncidentStatus.RESOLVED, "the lease ended and the incident closed", seconds=90
    )
    assert {lease.state for lease in tenant.leases()} == {LeaseState.REVERTED}
    assert not tenant.throttled()
    assert _flag(stack, tenant) == before, "the flag is at its exact prior version"
    story = " | ".join(tenant.timeline())
    for part in ("opened:", "decision:", "approval.decided:", "mitigation.applied:", "mitigation.reverted:"):
        assert part in story
    with stack.database.system() as connection:
        assert audit.verify(connection, tenant.id) is None
        written = [link.canonical.decode() for link in audit.links(connection, tenant.id)]
    for action in ("incident.opened", "approval.decided", "action.executed", "verification.completed"):
        assert any(f'"{action}"' in line for line in written), f"no audit entry {action}"
    assert any(Outcome.FIXED.value in line for line in written)


def _calm_until(tenant: Any, status: IncidentStatus) -> bool:
    """Normal life goes on while verification looks."""
    tenant.calm(minutes=0.05, n=6)
    return tenant.status() in (status, IncidentStatus.RESOLVED)


def _flag(stack: Any, tenant: Any) -> tuple[int, str]:
    with stack.database.system() as connection:
        found = flags.get(connection, tenant.id, "auth.ipThrottle.enabled")
    assert found is not None
    return found.version, found.digest
