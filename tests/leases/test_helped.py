"""What helped before: an action counts at the verdict that was given while it was in force."""

from datetime import timedelta
from typing import Any

from spine.incident import IncidentKind
from spine.verdict import Outcome
from store.evidence import add_evidence
from store.read.helped import helped

ACTIONS = ["captcha.require", "rate_limit.strict", "ip.block"]


def verdict(ledger: Any, outcome: Outcome) -> None:
    """What a verification writes down, a minute from now."""
    ledger.clock.advance(timedelta(minutes=1))
    now = ledger.clock.now()
    with ledger.database.system() as connection:
        add_evidence(
            connection, ledger.tenant, ledger.incident, source="verification", query=outcome.value,
            window_start=now - timedelta(minutes=1), window_end=now, n=1, observed={}, threshold={}, at=now,
        )  # fmt: skip


def test_what_had_ended_before_the_last_verdict_did_not_help(ledger: Any) -> None:
    first = ledger.apply(ledger.step("captcha.require", order=1))
    verdict(ledger, Outcome.NOT_FIXED)
    ledger.end(first)
    ledger.clock.advance(timedelta(minutes=1))
    second = ledger.apply(ledger.step("rate_limit.strict", order=2))
    verdict(ledger, Outcome.FIXED)
    ledger.clock.advance(timedelta(minutes=1))
    ledger.end(second)
    with ledger.database.tenant(ledger.tenant) as connection:
        found = {one.action: one for one in helped(connection, IncidentKind.FAILED_LOGINS_SPIKE, ACTIONS)}
        order = [one.action for one in helped(connection, IncidentKind.FAILED_LOGINS_SPIKE, ACTIONS)]
    assert (found["rate_limit.strict"].fixed, found["rate_limit.strict"].tried) == (1, 1)
    assert (found["captcha.require"].fixed, found["captcha.require"].tried) == (0, 1)
    assert order == ["rate_limit.strict", "ip.block", "captcha.require"]
