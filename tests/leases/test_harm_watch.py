"""While a mitigation holds, people are watched: a captcha they cannot pass takes everything back."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from spine.incident import IncidentStatus
from spine.plan import VerifyCriteria
from store import incidents
from store.bulk import ingest_frame
from store.fold import fold
from tasks.verifying import stop_harm

PEOPLE = 40
CRITERIA = VerifyCriteria(
    max_failures_per_window=10, window=timedelta(minutes=5), hold=timedelta(minutes=15),
    deadline=timedelta(minutes=10), baseline_success_rate=0.97, max_success_drop=0.05, min_legitimate=30,
    max_captcha_abandoned=0.15,
)  # fmt: skip


def events(ledger: Any, kind: str, people: range, **ago: float) -> None:
    """One event for each of `people`, from where they live."""
    rows = pd.DataFrame(
        {
            "id": [f"{kind}{ago}{n}" for n in people],
            "type": kind,
            "occurred_at": ledger.clock.now() - timedelta(**ago),
            "user_id": [f"u{n}" for n in people],
            "ip": [f"192.0.2.{n + 1}" for n in people],
        }
    )
    assert ingest_frame(ledger.database, rows, tenant_id=ledger.tenant, now=ledger.clock.now()).accepted == len(people)
    with ledger.database.system() as connection:
        fold(connection)


@pytest.mark.parametrize(("answering", "harm"), [(40, False), (36, False), (30, True), (0, True)])
def test_a_captcha_that_people_give_up_at_is_taken_back(ledger: Any, answering: int, harm: bool) -> None:
    for day in (3, 2, 1):
        events(ledger, "login_succeeded", range(PEOPLE), days=day)
    ledger.apply(ledger.step("captcha.require", minutes=60))
    with ledger.database.system() as connection:
        for status in (IncidentStatus.MITIGATING, IncidentStatus.VERIFYING, IncidentStatus.MITIGATED):
            incidents.transition(connection, ledger.incident, status, at=ledger.clock.now(), actor="t", summary="")
    ledger.clock.advance(timedelta(minutes=11))
    events(ledger, "captcha_shown", range(PEOPLE), minutes=8)
    events(ledger, "captcha_passed", range(answering), minutes=7)
    events(ledger, "login_succeeded", range(answering), minutes=7)
    events(ledger, "login_failed", range(1), minutes=0)
    plan = SimpleNamespace(verify=CRITERIA, plan_hash="hash")
    now = ledger.clock.now()
    assert stop_harm(ledger.database, ledger.settings, plan, ledger.incident, fence=0, now=now) is harm
    with ledger.database.system() as connection:
        status = incidents.get(connection, ledger.incident).status
    assert status is (IncidentStatus.ROLLING_BACK if harm else IncidentStatus.MITIGATED)
    told = [entry["after"]["because"] for entry in ledger.audited("verification.completed")]
    assert all("known people gave up at the captcha" in because for because in told)
    assert len(told) == harm
