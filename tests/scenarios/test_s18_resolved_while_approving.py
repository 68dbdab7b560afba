"""Scenario 18: the incident resolves as the approver clicks; whoever is first, nothing may run afterwards."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from spine.approval import ApprovalStatus, Code
from spine.ids import ApprovalId
from spine.incident import IncidentStatus
from store import approvals, audit, incidents

ROUNDS = 10


def test_s18_a_resolve_at_the_moment_of_the_click_leaves_nothing_granted(approval_case: Any) -> None:
    case, ana = approval_case, approval_case.person("ana")

    def resolve(asked: ApprovalId) -> None:
        with case.database.system() as connection:
            incidents.transition(
                connection, case.incident.id, IncidentStatus.RESOLVED, at=case.clock.now(), actor="t", summary="over"
            )
            approvals.void(connection, asked, "the incident has ended", now=case.clock.now(), settings=case.settings)

    codes = Counter[Code]()
    for number in range(ROUNDS):
        case.clock.advance(timedelta(seconds=60))
        plan = case.plan(f"round {number}")
        approval = case.ask(of=plan)
        with ThreadPoolExecutor(2) as pool:
            click = pool.submit(case.decide, approval, ana)
            end = pool.submit(resolve, approval.id)
            end.result()
            codes[click.result().code] += 1
        assert case.get(approval).status is ApprovalStatus.VOID
        with case.database.system() as connection:
            assert approvals.granted(connection, plan.decision_id, 1, plan.plan_hash) is None
            connection.execute(text("update incidents set status = 'open', resolved_at = null"))
    assert set(codes) <= {Code.DECIDED, Code.VOID, Code.ALREADY_DECIDED}
    with case.database.system() as connection:
        assert audit.verify(connection, case.tenant) is None
