"""A vote counts while whoever gave it may still give it."""

from typing import Any

import pytest

from spine.approval import ApprovalStatus, Code
from spine.person import PersonRef, Role
from spine.plan import Gate
from store import membership, people


def _lose(case: Any, who: PersonRef, how: str) -> None:
    now = case.clock.now()
    with case.database.system() as connection:
        if how == "disabled":
            people.disable(connection, who.account, actor="test", now=now)
            return
        found = people.by_email(connection, who.account)
        held = [Role.VIEWER] if how == "viewer" else []
        membership.set_roles(connection, case.tenant, found.id, found.email, held, actor="test", now=now)


@pytest.mark.parametrize("how", ["disabled", "no role", "viewer"])
def test_the_yes_of_somebody_who_was_shut_out_counts_no_more(approval_case: Any, how: str) -> None:
    case = approval_case
    ann, bob, eve = case.person("ann"), case.person("bob"), case.person("eve")
    asked = case.ask(Gate.TWO_PERSON)
    assert case.decide(asked, ann).code is Code.VOTE_COUNTED
    _lose(case, ann, how)
    second = case.decide(asked, bob)
    assert (second.code, case.get(asked).status) == (Code.VOTE_COUNTED, ApprovalStatus.PENDING)
    assert "1 of 2" in second.message
    assert case.decide(asked, eve).code is Code.DECIDED
    assert case.get(asked).status is ApprovalStatus.APPROVED


def test_whoever_comes_back_does_not_vote_twice(approval_case: Any) -> None:
    case = approval_case
    ann = case.person("ann")
    asked = case.ask(Gate.TWO_PERSON)
    case.decide(asked, ann)
    _lose(case, ann, "viewer")
    with case.database.system() as connection:
        found = people.by_email(connection, ann.account)
        membership.set_roles(
            connection, case.tenant, found.id, found.email, [Role.INCIDENT_COMMANDER], actor="test",
            now=case.clock.now(),
        )  # fmt: skip
    assert case.decide(asked, ann, totp=None).code is Code.ALREADY_VOTED
    assert case.decide(asked, case.person("bob")).code is Code.DECIDED, "her word stands again"
