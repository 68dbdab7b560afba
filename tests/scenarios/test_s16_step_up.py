"""Scenario 16: a second factor that does not hold decides nothing, and leaves its record."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from spine import totp
from spine.approval import ApprovalStatus, Code
from spine.plan import Gate
from spine.settings import Settings


def stepups(case: Any) -> list[str]:
    return [outcome for action, _, outcome in case.audited() if action == "stepup.decided"]


def attempts(case: Any) -> list[bool]:
    with case.database.system() as connection:
        return [row[0] for row in connection.execute(text("select ok from stepup_attempts order by id"))]


def test_s16_no_code_asks_for_one_and_counts_as_no_attempt(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    assert case.decide(approval, ana, totp=None).code is Code.STEPUP_NEEDED
    assert attempts(case) == []


def test_s16_the_code_of_another_person_is_refused_and_recorded(approval_case: Any) -> None:
    case, approval = approval_case, approval_case.ask()
    ana, bo = case.person("ana"), case.person("bo")
    assert case.decide(approval, ana, totp=case.code(bo)).code is Code.STEPUP_REFUSED
    assert (stepups(case), attempts(case)) == (["refused"], [False])
    assert case.get(approval).status is ApprovalStatus.PENDING


def test_s16_a_code_works_once(approval_case: Any) -> None:
    case, ana = approval_case, approval_case.person("ana")
    first, second = case.ask(), case.ask(of=case.plan("second"))
    code = case.code(ana)
    assert case.decide(first, ana, totp=code).code is Code.DECIDED
    assert case.decide(second, ana, totp=code).code is Code.STEPUP_REFUSED
    case.clock.advance(timedelta(seconds=30))
    assert case.decide(second, ana, totp=code).code is Code.STEPUP_REFUSED
    assert case.decide(second, ana).code is Code.DECIDED


def test_s16_one_code_used_twice_at_once_works_once(approval_case: Any) -> None:
    case, ana = approval_case, approval_case.person("ana")
    for number in range(8):
        case.clock.advance(timedelta(minutes=11))
        pair = [case.ask(of=case.plan(f"{number} {which}")) for which in "ab"]
        with ThreadPoolExecutor(2) as pool:
            codes = [outcome.code for outcome in pool.map(lambda a: case.decide(a, ana), pair)]
        assert Counter(codes) == {Code.DECIDED: 1, Code.STEPUP_REFUSED: 1}


@pytest.mark.parametrize(
    ("steps", "code"), [(-2, Code.STEPUP_REFUSED), (-1, Code.DECIDED), (1, Code.DECIDED), (2, Code.STEPUP_REFUSED)]
)
def test_s16_one_step_of_drift_is_forgiven_and_no_more(approval_case: Any, steps: int, code: Code) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    shown = totp.code_at(case.secrets[ana], case.clock.now() + timedelta(seconds=30 * steps))
    assert case.decide(approval, ana, totp=shown).code is code


@pytest.mark.parametrize("typed", ["", " ", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "0" * 5000, "\x00"])
def test_s16_what_is_no_code_is_refused(approval_case: Any, typed: str) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    assert case.decide(approval, ana, totp=typed).code in (Code.STEPUP_REFUSED, Code.STEPUP_NEEDED)


def test_s16_brute_force_is_stopped_without_a_look_and_only_for_a_while(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    wrong = [case.decide(approval, ana, totp=f"{n:06}").code for n in range(case.settings.approval.stepup_attempts)]
    assert set(wrong) == {Code.STEPUP_REFUSED}
    assert case.decide(approval, ana).code is Code.STEPUP_LOCKED
    assert len(attempts(case)) == case.settings.approval.stepup_attempts
    assert stepups(case)[-1] == "locked"
    case.clock.advance(timedelta(minutes=case.settings.approval.stepup_window_minutes, seconds=1))
    assert case.decide(approval, ana).code is Code.DECIDED


def test_s16_many_guesses_at_once_do_not_pass_the_limit(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    with ThreadPoolExecutor(8) as pool:
        codes = Counter(pool.map(lambda n: case.decide(approval, ana, totp=f"{n:06}").code, range(16)))
    assert codes == {Code.STEPUP_REFUSED: 5, Code.STEPUP_LOCKED: 11}


def test_s16_the_lock_is_of_one_person(approval_case: Any) -> None:
    case, approval = approval_case, approval_case.ask()
    ana, bo = case.person("ana"), case.person("bo")
    for n in range(6):
        case.decide(approval, ana, totp=f"{n:06}")
    assert case.decide(approval, bo).code is Code.DECIDED


@pytest.mark.parametrize("broken", ["another key", "no key", "moved secret"])
def test_s16_when_codes_cannot_be_checked_nobody_passes(approval_case: Any, broken: str, tmp_path: Any) -> None:
    case, approval = approval_case, approval_case.ask()
    ana, bo = case.person("ana"), case.person("bo")
    if broken == "another key":
        case.settings = Settings(secret_key=Fernet.generate_key().decode())
    elif broken == "no key":
        case.settings = Settings(data_dir=tmp_path)
    else:
        with case.database.system() as connection:
            query = (
                "update people set totp_secret = (select totp_secret from people where email = :bo) where email = :ana"
            )
            connection.execute(text(query), {"bo": bo.account, "ana": ana.account})
    outcome = case.decide(approval, ana)
    assert outcome.code is Code.STEPUP_UNAVAILABLE
    assert stepups(case) == ["unavailable"]
    assert case.get(approval).status is ApprovalStatus.PENDING


def test_s16_without_a_second_factor_there_is_no_yes_but_a_proven_no(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    with case.database.system() as connection:
        connection.execute(text("update people set totp_secret = null"))
    assert case.decide(approval, ana).code is Code.STEPUP_NOT_ENROLLED
    assert case.decide(approval, ana, "deny", via="prefect").code is Code.STEPUP_NOT_ENROLLED
    assert case.decide(approval, ana, "deny", via="slack", totp=None).code is Code.DECIDED


def test_s16_a_typed_name_alone_denies_nothing(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    assert case.decide(approval, ana, "deny", via="prefect", totp=None).code is Code.STEPUP_NEEDED
    assert case.decide(approval, ana, "deny", via="cli", totp="000000").code is Code.STEPUP_REFUSED
    assert case.decide(approval, ana, "deny", via="prefect").code is Code.DECIDED


def test_s16_the_second_factor_is_bound_to_the_plan_it_was_given_for(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(Gate.STEP_UP), approval_case.person("ana")
    case.decide(approval, ana)
    query = "select entry::jsonb #>> '{data,plan_hash}' from audit_entries where action = 'stepup.decided'"
    with case.database.system() as connection:
        assert connection.execute(text(query)).scalar_one() == approval.plan_hash


def test_s16_the_code_is_in_no_record(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    wrong, right = "271828", case.code(ana)
    case.decide(approval, ana, totp=wrong)
    case.decide(approval, ana, totp=right)
    with case.database.system() as connection:
        stored = connection.execute(text("select string_agg(entry, '') from audit_entries")).scalar_one()
        stored += str(connection.execute(text("select * from incident_timeline")).all())
        stored += str(connection.execute(text("select * from approval_votes")).all())
        stored += str(connection.execute(text("select payload from outbox")).all())
    assert wrong not in stored
    assert case.secrets[ana] not in stored
