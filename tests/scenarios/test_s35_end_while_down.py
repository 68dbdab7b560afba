"""35. The TTL passes while everything is down: the flag lapses by itself, the ledger follows on return."""

from datetime import timedelta

from spine.lease import LeaseState

KEY = "auth.captcha.required"


def test_s35_an_end_missed_is_made_up_for_and_its_lateness_recorded(ledger) -> None:
    before = ledger.flag(KEY)
    lease = ledger.apply(ledger.step("captcha.require", minutes=30))
    ledger.clock.advance(timedelta(minutes=42))
    assert ledger.reads(KEY).value is False  # nobody wrote anything: the end is in the rule
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE

    (tended,) = ledger.tend()
    assert (tended.before, tended.after) == (LeaseState.ACTIVE, LeaseState.REVERTED)
    ended = ledger.lease(lease.id)
    assert ended.late_seconds == 720
    assert ledger.flag(KEY) == before
    (entry,) = ledger.audited("rollback.executed")
    assert entry["detail"]["late_seconds"] == 720
    (told,) = ledger.rows("select summary from incident_timeline where kind = 'mitigation.reverted'")
    assert "12 min late" in told.summary
    assert ledger.tend() == []


def test_s35_what_was_unknown_when_everything_went_down_is_taken_back_too(ledger, receiver) -> None:
    ledger.with_webhook(receiver.url)
    receiver.answer = lambda _: None
    lease = ledger.apply(ledger.step("captcha.require", minutes=30))
    assert lease.state is LeaseState.UNKNOWN
    receiver.answer = lambda _: 200
    ledger.tend(minutes=40)
    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    assert ledger.flag(KEY).holds == ()
