"""The second effect: a signed webhook, told once for a receiver that dedupes, whatever answers get lost."""

import pytest

from spine.errors import Refused
from spine.lease import LeaseState
from spine.settings import Settings, WebhookSettings
from tasks.leasing import apply_lease, ports_of, revert_lease


@pytest.fixture
def told(ledger, receiver):
    """The ledger, with the receiver as its second effect."""
    return ledger.with_webhook(receiver.url)


def test_both_turns_are_told_signed_and_in_cloudevents_form(told, receiver) -> None:
    lease = told.apply(told.step("ip.block", "203.0.113.0/24"))
    revert_lease(told.database, lease.id, reason="over", ports=told.ports)
    (headers, first), (_, second) = receiver.messages  # the receiver checks the signature
    assert headers["webhook-id"] == first["id"] == f"{lease.id}:applied"
    assert headers["content-type"] == "application/cloudevents+json"
    assert (first["specversion"], first["type"], first["sequence"]) == ("1.0", "opsspine.mitigation.applied", "1")
    assert first["data"]["targets"] == ["203.0.113.0/24"]
    assert (second["type"], second["sequence"]) == ("opsspine.mitigation.reverted", "2")
    receipt = told.lease(lease.id).receipt["webhook"]
    assert (receipt["id"], receipt["status"]) == (f"{lease.id}:applied", 204)


@pytest.mark.parametrize("lost", [None, 500, 503, 429], ids=["hangs up", "500", "503", "429"])
def test_a_lost_answer_is_unknown_until_it_is_settled_with_the_same_id(told, receiver, lost: int | None) -> None:
    receiver.answer = lambda _: lost
    lease = told.apply(told.step("ip.block", "203.0.113.0/24"))
    assert lease.state is LeaseState.UNKNOWN
    assert told.reads("auth.ipDeny.enabled", "203.0.113.1").value is True
    receiver.answer = lambda _: 200
    told.tend(seconds=61)
    assert told.lease(lease.id).state is LeaseState.ACTIVE
    assert receiver.distinct() == [f"{lease.id}:applied"]
    assert len(told.audited("action.executed")) == 1


def test_a_webhook_that_stays_silent_does_not_hold_up_an_effect_that_is_read_back(told, receiver) -> None:
    receiver.answer = lambda _: None
    lease = told.apply(told.step("ip.block", "203.0.113.0/24"))
    for _ in range(5):
        told.tend(seconds=61)
    settled = told.lease(lease.id)
    assert settled.state is LeaseState.ACTIVE
    assert "the webhook stayed silent" in settled.error


def test_a_refusal_is_an_answer_and_is_written_down(told, receiver) -> None:
    receiver.answer = lambda _: 422
    lease = told.apply(told.step("ip.block", "203.0.113.0/24"))
    assert (lease.state, lease.error) == (LeaseState.ACTIVE, "the webhook refused: 422")


def test_a_rollback_that_cannot_be_told_pages_and_is_told_later(told, receiver) -> None:
    lease = told.apply(told.step("ip.block", "203.0.113.0/24"))
    receiver.answer = lambda _: 500
    failed = revert_lease(told.database, lease.id, reason="over", ports=told.ports)
    assert failed.state is LeaseState.REVERT_FAILED
    assert told.reads("auth.ipDeny.enabled", "203.0.113.1").value is False
    receiver.answer = lambda _: 200
    told.tend(seconds=61)
    assert told.lease(lease.id).state is LeaseState.REVERTED


def test_in_dev_nothing_outside_is_touched(ledger, receiver) -> None:
    settings = Settings(env="dev", webhook=WebhookSettings(url=receiver.url, secret="whsec_MDEyMzQ1Njc4OWFiY2RlZg=="))
    ports = ports_of(settings, clock=ledger.clock)
    lease = ledger.intend(ledger.step("captcha.require"))
    assert apply_lease(ledger.database, lease.id, fence=0, ports=ports).state is LeaseState.ACTIVE
    assert receiver.messages == []


def test_a_url_without_a_secret_is_refused_at_the_start() -> None:
    with pytest.raises(Refused, match="OPSSPINE_WEBHOOK__SECRET"):
        ports_of(Settings(env="prod", webhook=WebhookSettings(url="http://127.0.0.1:1/")))
