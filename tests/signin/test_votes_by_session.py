"""A vote may rest on the second factor its session has shown, while that is fresh and names prove something."""

from datetime import timedelta
from typing import Any

import pytest

from spine.approval import ApprovalStatus, Code, Via
from store.decide import decide

SECOND = timedelta(seconds=1)


def vote(case: Any, via: Via, age: timedelta | None, **more: Any) -> Any:
    ann, approval, now = case.person("ann"), case.ask(), case.clock.now()
    shown = None if age is None else now - age
    return decide(
        case.database, approval.id, person=ann, vote="approve", via=via, stepped_up_at=shown,
        settings=case.settings, now=now, **more,
    )  # fmt: skip


@pytest.mark.parametrize("via", ["console", "api"])
@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=5)])
def test_a_fresh_factor_of_the_session_counts(approval_case: Any, via: Via, age: timedelta) -> None:
    outcome = vote(approval_case, via, age)
    assert (outcome.code, outcome.status) == (Code.DECIDED, ApprovalStatus.APPROVED)
    assert ("stepup.decided", "person:ann@example.org", "accepted") in approval_case.audited()


@pytest.mark.parametrize("age", [None, timedelta(minutes=5) + SECOND, -SECOND])
def test_an_old_one_one_from_the_future_and_none_do_not(approval_case: Any, age: timedelta | None) -> None:
    outcome = vote(approval_case, "console", age)
    assert (outcome.code, outcome.status) == (Code.STEPUP_NEEDED, ApprovalStatus.PENDING)


@pytest.mark.parametrize("via", ["cli", "prefect"])
def test_where_anybody_can_type_any_name_only_a_code_counts(approval_case: Any, via: Via) -> None:
    assert vote(approval_case, via, timedelta(0)).code is Code.STEPUP_NEEDED


def test_a_code_that_was_typed_is_checked_whatever_the_session_showed(approval_case: Any) -> None:
    assert vote(approval_case, "console", timedelta(0), totp="000000").code is Code.STEPUP_REFUSED
