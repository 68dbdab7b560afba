"""28. A run that was about to roll back when people took the incident in hand takes nothing of theirs back."""

from typing import Any

import pytest

from runbooks import catalogue
from runbooks.engine.context import CURRENT, RunContext
from runbooks.engine.rollback import revert
from spine.errors import Fenced
from spine.incident import IncidentKind
from spine.lease import LeaseState


def test_s28_an_old_run_takes_nothing_back_of_a_newer_plan(ledger: Any) -> None:
    old, new = ledger.take(), ledger.take()
    lease = ledger.apply(ledger.step("captcha.require", minutes=60), fence=new)
    for fence, state in ((old, LeaseState.ACTIVE), (new, LeaseState.REVERTED)):
        CURRENT.set(
            RunContext(
                database=ledger.database, settings=ledger.settings, incident_id=ledger.incident, fence=fence,
                runbook=catalogue()[IncidentKind.FAILED_LOGINS_SPIKE],
            )
        )  # fmt: skip
        if fence == old:
            with pytest.raises(Fenced):
                revert.fn("the incident was handed to people")
        else:
            revert.fn("not fixed")
        assert ledger.lease(lease.id).state is state
