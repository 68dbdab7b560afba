"""Scenarios 1 and 2 over real HTTP: clicks at once, and a click against an answer from elsewhere. One wins."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from spine.approval import ApprovalStatus
from spine.prompt import DENY


def _at_once(*works: Callable[[], Any]) -> list[Any]:
    gate, results = threading.Barrier(len(works)), [None] * len(works)

    def run(number: int, work: Callable[[], Any]) -> None:
        gate.wait()
        results[number] = work()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_s01_two_people_submit_at_once_and_the_loser_is_told_who_decided(slack_case: Any) -> None:
    case, approval = slack_case.case, slack_case.case.ask()
    slack_case.relay()
    works = []
    for number, name in enumerate(("ana", "ben"), 1):
        account, user = case.slack(case.person(name), f"U{number}"), f"U{number}"
        clicked = slack_case.click(user)
        works.append(lambda c=clicked, u=user, a=account: slack_case.submit(c, u, case.code(a)))
    answers = _at_once(*works)
    lost = [answer["errors"] for answer in answers if answer["errors"]]
    assert len(lost) == 1
    winner = "ana" if answers[1]["errors"] else "ben"
    assert f"{winner} has approved this via slack" in lost[0]["code"]
    assert [action for action, _, _ in case.audited()].count("approval.decided") == 1
    assert case.get(approval).status is ApprovalStatus.APPROVED


@pytest.mark.parametrize("via", ["prefect", "cli"])
def test_s02_a_click_races_an_answer_from_elsewhere_and_the_message_shows_the_winner(slack_case: Any, via: str) -> None:
    case, approval = slack_case.case, slack_case.case.ask()
    case.slack(case.person("ana"), "U1")
    ben = case.person("ben")
    slack_case.relay()
    _, elsewhere = _at_once(lambda: slack_case.click("U1", DENY), lambda: case.decide(approval, ben, via=via))
    decided = case.get(approval)
    assert (decided.via == via) == elsewhere.counted
    slack_case.relay()
    shown = str(slack_case.prompt["blocks"])
    expected = f"Approved by ben via {via}" if elsewhere.counted else "Denied by ana via slack"
    assert expected in shown
    assert slack_case.prompt["buttons"] == []
