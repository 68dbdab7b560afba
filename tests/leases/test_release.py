"""Containment ends by the word of two people; everything else by one."""

import json
from datetime import timedelta

import pytest

from spine.errors import Refused
from spine.incident import IncidentStatus
from spine.lease import LeaseState
from store import audit
from tasks.closing import close_incident
from tasks.leasing import release_lease

ANN, BOB = "person:ann@example.org", "person:bob@example.org"


def release(ledger, lease, actor: str):
    return release_lease(ledger.database, lease.id, actor=actor, reason="it is fixed", ports=ledger.ports)


def close(ledger, actor: str):
    return close_incident(
        ledger.database, ledger.settings, ledger.incident, actor=actor, reason="it is fixed", now=ledger.clock.now()
    )


def test_one_person_ends_what_contains_nothing(ledger) -> None:
    lease = ledger.apply(ledger.step("rate_limit.strict"))
    assert release(ledger, lease, ANN).state is LeaseState.REVERTED


def test_containment_waits_for_a_second_person(ledger) -> None:
    lease = ledger.apply(ledger.step("tenant.deny_cross", "globex"))
    with pytest.raises(Refused, match="two people"):
        release(ledger, lease, ANN)
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE
    assert release(ledger, lease, BOB).state is LeaseState.REVERTED


def test_nobody_is_two_people(ledger) -> None:
    lease = ledger.apply(ledger.step("tenant.deny_cross", "globex"))
    for _ in range(3):
        with pytest.raises(Refused, match="two people"):
            release(ledger, lease, ANN)
    assert len(ledger.rows("select from incident_timeline where kind = 'mitigation.release_asked'")) == 1


def test_a_word_of_long_ago_counts_no_more_until_it_is_said_again(ledger) -> None:
    lease = ledger.apply(ledger.step("tenant.deny_cross", "globex"))
    with pytest.raises(Refused):
        release(ledger, lease, ANN)
    ledger.clock.advance(timedelta(minutes=31))
    with pytest.raises(Refused):
        release(ledger, lease, BOB)
    assert release(ledger, lease, ANN).state is LeaseState.REVERTED


def test_to_close_a_contained_incident_takes_two_people_too(ledger) -> None:
    lease = ledger.apply(ledger.step("tenant.deny_cross", "globex"))
    eased = ledger.apply(ledger.step("rate_limit.strict", order=2))
    with pytest.raises(Refused, match="two people"):
        close(ledger, ANN)
    assert {ledger.lease(one.id).state for one in (lease, eased)} == {LeaseState.ACTIVE}
    assert close(ledger, BOB).status is IncidentStatus.RESOLVED
    assert {ledger.lease(one.id).state for one in (lease, eased)} == {LeaseState.REVERTED}


def test_the_first_word_is_audited(ledger) -> None:
    lease = ledger.apply(ledger.step("tenant.deny_cross", "globex"))
    with pytest.raises(Refused):
        release(ledger, lease, ANN)
    with ledger.database.system() as connection:
        told = [json.loads(link.canonical) for link in audit.links(connection, lease.tenant_id)][-1]
    assert (told["data"]["actor"], told["data"]["detail"]["wants_ended"]) == (ANN, "tenant.deny_cross")
