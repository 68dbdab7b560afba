"""Scenario 45: Slack is down. Deciding works elsewhere, and the outbox drains on its return."""

from datetime import timedelta
from typing import Any

import pytest

from spine.approval import ApprovalStatus
from store.health import outbox_state


@pytest.mark.parametrize("how", ["503", "unreachable"])
def test_s45_a_long_outage_loses_nothing_and_the_outbox_drains_on_return(slack_case: Any, how: str) -> None:
    case, ana = slack_case.case, slack_case.case.person("ana")
    real = case.settings.slack.base_url
    slack_case.slack.down = how == "503"
    if how == "unreachable":
        case.settings.slack.base_url = "http://127.0.0.1:9"
    approval = case.ask()
    for _ in range(60):  # eight hours
        assert slack_case.relay() == 0
        case.clock.advance(timedelta(minutes=8))
    with case.database.system() as connection:
        state = outbox_state(connection, case.clock.now())
    assert (state.pending, state.failed, list(state.held)) == (1, 0, ["slack"])
    case.clock.advance(timedelta(hours=-8))
    assert case.decide(approval, ana, via="cli").counted
    case.clock.advance(timedelta(hours=8))
    slack_case.slack.down, case.settings.slack.base_url = False, real
    for _ in range(3):
        slack_case.relay()
        case.clock.advance(timedelta(minutes=1))
    assert {status for _, status in slack_case.statuses()} == {"sent"}
    assert case.get(approval).status is ApprovalStatus.APPROVED
    (message,) = slack_case.messages()
    assert message["buttons"] == []
    assert "Approved by ana via cli" in str(message["blocks"])
    with case.database.system() as connection:
        assert outbox_state(connection, case.clock.now()).held == {}


def test_s45_during_an_outage_slack_is_asked_at_most_once_a_minute_or_so(slack_case: Any) -> None:
    case = slack_case.case
    slack_case.slack.down = True
    case.ask()
    waits = []
    for _ in range(10):
        slack_case.relay()
        with case.database.system() as connection:
            from store.outbox import next_due

            due = next_due(connection, "slack")
        assert due is not None
        waits.append((due - case.clock.now()).total_seconds())
        case.clock.advance(due - case.clock.now())
    assert waits[0] <= 2
    assert all(30 <= wait <= 60 for wait in waits[6:])
