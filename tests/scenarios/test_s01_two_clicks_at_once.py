"""Scenarios 1 and 2: two people decide at the same moment, from wherever they are; exactly one decides."""

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from spine.approval import ApprovalStatus, Code, Outcome
from spine.person import PersonRef
from spine.plan import Gate
from store.decide import decide
from store.engine import Database

ROUNDS = 20
_DECIDER = """
import json, sys
from datetime import datetime
from spine.person import PersonRef
from spine.settings import Settings
from store.decide import decide
from store.engine import Database

start = json.loads(sys.stdin.readline())
database, settings = Database(start["url"]), Settings(secret_key=start["key"])
print("ready", flush=True)
for line in sys.stdin:
    turn = json.loads(line)
    outcome = decide(
        database, turn["approval"], person=PersonRef.by_email(start["email"]), vote=turn["vote"], via=start["via"],
        reason="now", totp=turn["totp"], settings=settings, now=datetime.fromisoformat(turn["now"]),
    )
    print(json.dumps({"code": outcome.code, "status": outcome.status, "by": outcome.decided_by}), flush=True)
"""


class Decider:
    """Somebody who decides in a process of their own."""

    def __init__(self, case: Any, who: PersonRef, via: str) -> None:
        self.who = who
        self.process = subprocess.Popen(
            [sys.executable, "-c", _DECIDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        key = case.settings.secret_key.get_secret_value()
        self.send({"url": case.database.url, "key": key, "email": who.account, "via": via})
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def send(self, turn: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(turn) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate(timeout=10)
        assert self.process.returncode == 0


def test_s01_two_processes_decide_at_once_and_one_of_them_decides(approval_case: Any) -> None:
    case = approval_case
    deciders = [Decider(case, case.person("ana"), "slack"), Decider(case, case.person("bo"), "api")]
    for number in range(ROUNDS):
        case.clock.advance(timedelta(seconds=30))
        approval = case.ask(of=case.plan(f"round {number}"))
        for decider, vote in zip(deciders, ["approve", "deny"], strict=True):
            code, now = case.code(decider.who), case.clock.now().isoformat()
            decider.send({"approval": str(approval.id), "vote": vote, "totp": code, "now": now})
        answers = [decider.answer() for decider in deciders]
        assert Counter(answer["code"] for answer in answers) == {Code.DECIDED: 1, Code.ALREADY_DECIDED: 1}
        assert len({(answer["status"], answer["by"]) for answer in answers}) == 1
        stored = case.get(approval)
        assert stored.status == answers[0]["status"]
    for decider in deciders:
        decider.close()
    decided = [entry for entry in case.audited() if entry[0] == "approval.decided"]
    assert len(decided) == ROUNDS


def test_s01_one_person_clicks_twice_at_once_and_it_is_one_decision(approval_case: Any) -> None:
    case, ana = approval_case, approval_case.person("ana")
    for number in range(ROUNDS):
        case.clock.advance(timedelta(seconds=30))
        approval = case.ask(of=case.plan(f"round {number}"))
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(lambda _, a=approval: case.decide(a, ana), range(2)))
        assert Counter(outcome.code for outcome in outcomes) == {Code.DECIDED: 1, Code.ALREADY_DECIDED: 1}
    actions = Counter(action for action, _, _ in case.audited())
    assert (actions["approval.decided"], actions["stepup.decided"]) == (ROUNDS, ROUNDS)
    assert "action.denied" not in actions


@pytest.mark.parametrize("winner", ["slack", "prefect", "cli"])
def test_s02_whoever_is_first_decides_wherever_they_are(approval_case: Any, winner: str) -> None:
    case, approval = approval_case, approval_case.ask()
    ana, bo = case.person("ana"), case.person("bo")
    assert case.decide(approval, ana, via=winner).code is Code.DECIDED
    for via in ("slack", "prefect", "cli"):
        late = case.decide(approval, bo, "deny", via=via)
        assert (late.code, late.status, late.decided_by) == (Code.ALREADY_DECIDED, ApprovalStatus.APPROVED, "ana")
        assert f"ana has approved this via {winner}" in late.message


def test_s02_a_yes_in_slack_races_a_no_in_prefect_ui_and_one_wins(approval_case: Any) -> None:
    case = approval_case
    ana, bo = case.person("ana"), case.person("bo")

    def vote(turn: tuple[Database, PersonRef, str, str]) -> Outcome:
        database, who, choice, via = turn
        return decide(
            database, approval.id, person=who, vote=choice, via=via, totp=case.code(who), settings=case.settings,
            now=case.clock.now(),
        )  # fmt: skip

    here, there = Database(case.database.url), Database(case.database.url)
    winners = Counter[str]()
    for number in range(10):
        case.clock.advance(timedelta(seconds=30))
        approval = case.ask(of=case.plan(f"round {number}"))
        turns = [(here, ana, "approve", "slack"), (there, bo, "deny", "prefect")]
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(vote, turns if number % 2 else turns[::-1]))
        assert Counter(outcome.code for outcome in outcomes) == {Code.DECIDED: 1, Code.ALREADY_DECIDED: 1}
        winners[case.get(approval).via] += 1
    assert winners.total() == 10
    here.close()
    there.close()


def test_s01_two_votes_at_once_for_a_gate_of_two_count_both(approval_case: Any) -> None:
    case = approval_case
    people = [case.person("ana"), case.person("bo")]
    for number in range(10):
        case.clock.advance(timedelta(seconds=30))
        approval = case.ask(Gate.TWO_PERSON, of=case.plan(f"round {number}"))
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(lambda who, a=approval: case.decide(a, who), people))
        assert Counter(outcome.code for outcome in outcomes) == {Code.VOTE_COUNTED: 1, Code.DECIDED: 1}
        assert case.get(approval).status is ApprovalStatus.APPROVED
