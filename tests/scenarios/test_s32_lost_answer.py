"""32. 3 of 5 targets succeed, one is refused, one times out but was applied: UNKNOWN, resolved by read-back."""

from spine.lease import LeaseState


def test_s32_a_target_whose_answer_was_lost_is_resolved_by_reading_back(ledger, receiver) -> None:
    ledger.with_webhook(receiver.url)
    answers = {"192.0.2.4/32": 403, "192.0.2.5/32": None}
    receiver.answer = lambda message: answers.get(message["data"]["targets"][0], 200)
    targets = [f"192.0.2.{n}/32" for n in range(1, 6)]
    held = [ledger.apply(ledger.step("ip.block", t, order=n)) for n, t in enumerate(targets)]

    assert [one.state for one in held] == [LeaseState.ACTIVE] * 4 + [LeaseState.UNKNOWN]
    assert [one.error is None for one in held] == [True, True, True, False, False]
    assert len(ledger.audited("action.executed")) == 4

    answers.clear()
    ledger.tend(seconds=61)
    settled = ledger.lease(held[4].id)
    assert settled.state is LeaseState.ACTIVE
    assert settled.receipt["read_back"]["in_force"] is True
    assert receiver.distinct() == [f"{one.id}:applied" for one in held]
    assert len(ledger.audited("action.executed")) == len(ledger.audited("flag.changed")) == 5
