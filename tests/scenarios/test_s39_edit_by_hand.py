"""39. A person edits the flag while a lease holds it: drift is shown, and the edit stays."""

from spine.lease import LeaseState
from store.flags import drift_of

KEY = "auth.captcha.required"


def test_s39_an_edit_during_a_lease_shows_as_drift_and_survives_its_end(ledger) -> None:
    ledger.put(KEY, on=False)
    lease = ledger.apply(ledger.step("captcha.require"))
    assert _drift(ledger, lease) is None
    ledger.put(KEY, on=True, version=1)
    edited = ledger.flag(KEY)
    assert _drift(ledger, lease) == "edited by hand: version 1 became 2; the edit stays when the lease ends"

    ended = ledger.end(lease)
    assert ended.state is LeaseState.REVERTED
    after = ledger.flag(KEY)
    assert (after.version, after.definition, after.holds) == (edited.version, edited.definition, ())
    assert ledger.reads(KEY).value is True
    (told,) = ledger.rows("select summary from incident_timeline where kind = 'mitigation.reverted'")
    assert "edited by hand: version 1 became 2" in told.summary


def test_s39_a_flag_that_people_define_for_the_first_time_during_a_lease_is_drift(ledger) -> None:
    lease = ledger.apply(ledger.step("captcha.require"))
    ledger.put(KEY, on=False)
    assert "version 0 became 1 (the same definition as before)" in (_drift(ledger, lease) or "")
    assert ledger.reads(KEY).value is True  # the hold still stands on top


def _drift(ledger, lease) -> str | None:
    with ledger.database.system() as connection:
        return drift_of(connection, lease)
