"""Slack waits three seconds for an answer, whatever the database does."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from spine.approval import ApprovalStatus
from spine.prompt import DENY


@contextmanager
def stuck(case: Any) -> Iterator[None]:
    """Somebody holds what every decision needs, until the block is left."""
    begun, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with case.database.system() as connection:
            connection.execute(text("select 1 from incidents for update"))
            begun.set()
            leave.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert begun.wait(10)
    try:
        yield
    finally:
        leave.set()
        thread.join(10)


@pytest.fixture
def asked(slack_case: Any) -> Any:
    """A posted prompt that ana (U1) may answer, at a gateway that waits for the database for a moment only."""
    slack = slack_case.case.settings.slack
    slack_case.case.settings.slack = slack.model_copy(update={"answer_seconds": 0.3})
    slack_case.restart_gateway()
    slack_case.approval = slack_case.case.ask()
    slack_case.ana = slack_case.case.slack(slack_case.case.person("ana"), "U1")
    slack_case.relay()
    return slack_case


def _until(holds: Any) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def _status(asked: Any) -> ApprovalStatus:
    return ApprovalStatus(asked.case.get(asked.approval).status)


def test_a_click_is_acknowledged_while_its_decision_is_still_being_written(asked: Any) -> None:
    with stuck(asked.case):
        assert asked.click("U1", DENY)["status"] == 200
        assert _status(asked) is ApprovalStatus.PENDING
    _until(lambda: _status(asked) is ApprovalStatus.DENIED)
    _until(lambda: asked.woken == [asked.approval.id])


def test_a_form_says_that_it_takes_longer_and_then_what_came_of_it(asked: Any) -> None:
    asked.slack.faults.clear()
    clicked: dict[str, Any] = {"view": None}
    while clicked["view"] is None:  # on a busy machine the form may come too late for its trigger
        before = set(asked.slack.views)
        asked.click("U1")
        time.sleep(0.5)
        fresh = [view for name, view in asked.slack.views.items() if name not in before]
        clicked["view"] = fresh[-1] if fresh else None
    with stuck(asked.case):
        answer = asked.submit(clicked, "U1", asked.case.code(asked.ana))
        assert answer["body"]["response_action"] == "update"
        assert "being written down" in str(asked.slack.views[clicked["view"]["id"]])
    _until(lambda: _status(asked) is ApprovalStatus.APPROVED)
    _until(lambda: "ana approved via slack" in str(asked.slack.views[clicked["view"]["id"]]))


def test_a_command_is_answered_later_through_its_response_url(asked: Any) -> None:
    with stuck(asked.case):
        answer = asked.type(f"ack {str(asked.case.incident.id)[:8]}", "U1")
        assert "The answer follows here" in str(answer["body"])
    _until(lambda: any("You have FAILED_LOGINS_SPIKE" in told["text"] for told in asked.slack.private))


def test_a_database_that_is_away_is_told_to_whoever_clicked(asked: Any) -> None:
    engine = asked.case.database.engine
    real = engine.url
    asked.case.database.engine = _nowhere()
    try:
        assert asked.click("U1", DENY)["status"] == 200
        _until(lambda: any("so nothing was done" in told["text"] for told in asked.slack.private))
    finally:
        asked.case.database.engine = engine
    assert engine.url == real
    assert _status(asked) is ApprovalStatus.PENDING


def _nowhere() -> Any:
    from sqlalchemy import create_engine

    return create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none", connect_args={"connect_timeout": 1})
