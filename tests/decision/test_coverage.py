"""An action takes only so many targets: approvers are told how many of the attacking addresses these hold."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from deployments.cli.approvals import plan_lines
from runbooks.engine.show import gate_text
from spine.approval import Approval, ApprovalStatus
from spine.case_example import NOW, TENANT, Crowd, case, incident
from spine.decision.plan_hash import of_decision
from spine.ids import ApprovalId, DecisionId
from spine.message import Envelope, approval_message
from spine.notification import Topic
from spine.outlook import reach
from spine.plan import Coverage, Decision, Gate, Risk, Step
from spine.severity import Severity

Decide = Callable[..., Decision]
OFFICE = Crowd(addresses=1, users=40, tries=1, network="198.51.100", first_user=1000)
SCATTERED = [
    Crowd(addresses=1, users=3, tries=3, hostile=True, network=f"100.64.{i}", first_user=3 * i) for i in range(57)
]
TOLD = "50 of 57 attacking addresses; 7 found no place"


@pytest.fixture
def throttled(decided: Decide) -> tuple[Decision, Step]:
    """A plan against an attacker in more networks than a throttle takes, and the throttle."""
    decision = decided(case(*SCATTERED, OFFICE))
    return decision, next(s for s in decision.steps if s.action_key == "ip.throttle")


def test_what_found_no_place_is_part_of_the_plan_that_is_signed(throttled: tuple[Decision, Step]) -> None:
    decision, step = throttled
    assert (len(step.targets), step.coverage) == (50, Coverage(covered=50, left_out=7))
    assert reach(step) == TOLD
    assert "found no place" not in reach(step.model_copy(update={"coverage": Coverage(covered=3, left_out=0)}))
    other = step.model_copy(update={"coverage": Coverage(covered=57, left_out=0)})
    changed = decision.model_copy(update={"steps": tuple(other if s is step else s for s in decision.steps)})
    assert of_decision(changed) != decision.plan_hash


def test_slack_prefect_and_the_command_line_tell_it(throttled: tuple[Decision, Step]) -> None:
    decision, step = throttled
    asked = Approval(
        id=ApprovalId(UUID(int=1)), tenant_id=TENANT, incident_id=incident().id,
        decision_id=DecisionId(decision.decision_id), gate=Gate.APPROVE, steps=(step.order,),
        plan_hash=decision.plan_hash, risk=Risk.MEDIUM, containment=False, requester="engine", requested_by=None,
        barred=frozenset(), status=ApprovalStatus.PENDING, votes_needed=1, requested_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
    )  # fmt: skip
    envelope = Envelope(id=UUID(int=2), topic=Topic.APPROVAL_REQUESTED, severity=Severity.HIGH, at=NOW, app_name="App")
    slack = approval_message(envelope, asked, incident(), decision, impact="", decided_by=None, votes=0)
    assert any(TOLD in line for section in slack.sections for line in section.lines)
    assert TOLD in gate_text(incident(), decision, [step], Gate.APPROVE, "")
    assert f"  reach: {TOLD}" in plan_lines(decision, asked)
