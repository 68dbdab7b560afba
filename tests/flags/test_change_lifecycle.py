"""A change of a flag as the approval engine sees it: asked, told, expired, taken back; and written down once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import text

from spine import totp
from spine.approval import ApprovalStatus, Code
from spine.errors import Refused
from spine.flag import boolean_flag
from spine.flag.change import ChangeState, FlagChange, ruling
from spine.ids import ChangeId
from spine.person import PersonRef, Role
from spine.plan import Gate
from spine.settings import Settings
from store import approvals, flag_changes, flag_write, flags, outbox, people
from store.decide import decide
from store.flag_propose import Proposer, Wanted, apply, propose, withdraw
from store.secrets import Vault
from tasks.briefing import compose
from tasks.ratifying import revert_unratified

KEY = "auth.captcha.required"
ON, OFF = boolean_flag(on=True).stored(), boolean_flag().stored()


class Case:
    """Proposals on one flag of high risk, and people who decide on them."""

    def __init__(self, ledger: Any) -> None:
        self.ledger, self.database, self.clock, self.tenant = ledger, ledger.database, ledger.clock, ledger.tenant
        self.settings = ledger.settings.model_copy(update={"secret_key": SecretStr(Fernet.generate_key().decode())})
        self.secrets: dict[str, str] = {}

    def person(self, name: str, role: Role) -> PersonRef:
        ref = PersonRef.by_email(f"{name}@example.org")
        with self.database.system() as connection:
            _, secret = people.add(
                connection, ref.account, name, [(self.tenant, role)], vault=Vault.of(self.settings), actor="test",
                now=self.clock.now(),
            )  # fmt: skip
        assert secret is not None
        self.secrets[ref.account] = secret
        return ref

    def propose(self, key: str = KEY, gate: Gate = Gate.APPROVE, version: int = 0, **more: Any) -> FlagChange:
        wanted = Wanted(key=key, definition=ON, expected_version=version, reason="bots", **more)
        with self.database.system() as connection:
            return propose(
                connection, self.tenant, wanted, Proposer(actor="key:ci"), gate, now=self.clock.now(),
                settings=self.settings,
            )  # fmt: skip

    def decide(self, change: FlagChange, who: PersonRef, vote: Any = "approve") -> Any:
        assert change.approval_id is not None
        return decide(
            self.database, change.approval_id, person=who, vote=vote, via="cli", reason="seen",
            totp=totp.code_at(self.secrets[who.account], self.clock.now()), settings=self.settings,
            now=self.clock.now(), tenant=self.tenant,
        )  # fmt: skip

    def apply(self, change: FlagChange, gate: Gate = Gate.APPROVE) -> FlagChange:
        with self.database.tenant(self.tenant) as connection:
            return apply(connection, self.tenant, change.id, actor="key:ci", now=self.clock.now(), gate=gate)

    def state(self, change: FlagChange) -> ChangeState:
        with self.database.system() as connection:
            found = flag_changes.get(connection, change.id)
        assert found is not None
        return found.state

    def told(self) -> Any:
        """The next message of the log, as it would be posted."""
        with self.database.system() as connection:
            row = outbox.claim(connection, "log", now=self.clock.now(), lease=timedelta(minutes=1))
            assert row is not None
            message = compose(connection, row, self.settings)
            outbox.mark_sent(connection, row.id, {}, now=self.clock.now())
        return message


@pytest.fixture
def case(ledger) -> Case:
    return Case(ledger)


def test_the_question_and_its_answer_are_told_with_what_is_to_change(case: Case) -> None:
    ann = case.person("ann", Role.SECURITY_ADMIN)
    change = case.propose()
    asked = case.told()
    assert KEY in asked.title
    assert asked.question is not None
    assert (asked.question.approval, asked.question.open) == (change.approval_id, True)
    lines = " ".join(line for section in asked.sections for line in section.lines)
    assert "default: true" in lines
    assert "bots" in lines
    assert change.hash in lines
    assert case.decide(change, ann).code is Code.DECIDED
    answered = case.told()
    assert answered.question is not None
    assert not answered.question.open
    assert "Approved by ann" in answered.question.verdict


def test_a_question_nobody_answers_expires_and_the_change_cannot_be_applied(case: Case) -> None:
    change = case.propose()
    case.clock.advance(timedelta(hours=case.settings.flag.approval_hours))
    with case.database.system() as connection:
        [ended] = approvals.expire_due(connection, case.clock.now(), case.settings)
    assert (ended.id, ended.status) == (change.approval_id, ApprovalStatus.EXPIRED)
    with pytest.raises(Refused) as refused:
        case.apply(change)
    assert refused.value.code == "change.expired"


def test_a_denied_change_is_never_applied(case: Case) -> None:
    rob = case.person("rob", Role.RESPONDER)
    change = case.propose()
    assert case.decide(change, rob, "deny").status is ApprovalStatus.DENIED
    with pytest.raises(Refused) as refused:
        case.apply(change)
    assert refused.value.code == "change.not_approved"


def test_a_withdrawn_change_cannot_be_approved(case: Case) -> None:
    ann, change = case.person("ann", Role.SECURITY_ADMIN), case.propose()
    with case.database.tenant(case.tenant) as connection:
        withdraw(connection, case.tenant, change.id, actor="key:ci", now=case.clock.now())
    assert case.decide(change, ann).code is Code.VOID


def test_a_definition_swapped_after_it_was_asked_about_is_not_what_was_approved(case: Case) -> None:
    ann, change = case.person("ann", Role.SECURITY_ADMIN), case.propose()
    swap = text('update flag_changes set definition = definition || \'{"defaultVariant": "off"}\' where id = :id')
    with case.database.owner() as connection:
        connection.execute(text("alter table flag_changes disable row level security"))
        connection.execute(swap, {"id": change.id})
    assert case.decide(change, ann).code is Code.VOID


def test_break_glass_that_nobody_ratifies_is_taken_back(case: Case) -> None:
    gus, change = case.person("gus", Role.BREAK_GLASS), case.propose()
    assert case.decide(change, gus).code is Code.DECIDED
    assert case.apply(change).version == 1
    case.clock.advance(timedelta(minutes=31))
    [taken] = revert_unratified(case.database, case.settings, case.clock.now())
    assert (taken.approval, taken.error) == (change.approval_id, None)
    assert (case.ledger.flag(KEY).version, case.ledger.flag(KEY).definition.default) == (2, False)
    assert revert_unratified(case.database, case.settings, case.clock.now()) == []


def test_break_glass_that_made_a_flag_and_is_not_ratified_puts_it_away(case: Case) -> None:
    """There is no version to go back to: applications do not find it, as before."""
    gus, change = case.person("gus", Role.BREAK_GLASS), case.propose("auth.mine.enabled")
    assert case.decide(change, gus).code is Code.DECIDED
    assert case.apply(change).version == 1
    case.clock.advance(timedelta(minutes=31))
    [taken] = revert_unratified(case.database, case.settings, case.clock.now())
    assert (taken.approval, taken.error) == (change.approval_id, None)
    assert case.ledger.flag("auth.mine.enabled").definition.archived
    assert revert_unratified(case.database, case.settings, case.clock.now()) == []


def test_of_those_who_apply_at_once_one_does(case: Case) -> None:
    change = case.propose("shop.open", Gate.ALLOW)

    def once(_: int) -> bool:
        try:
            case.apply(change, Gate.ALLOW)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(once, range(4))) == 1
    assert case.ledger.flag("shop.open").version == 1


def test_what_is_due_is_written_down_once_however_many_reconcile(case: Case) -> None:
    starts = case.clock.now() + timedelta(minutes=1)
    case.apply(case.propose("shop.open", Gate.ALLOW, starts_at=starts), Gate.ALLOW)
    case.clock.advance(timedelta(minutes=2))

    def settle(_: int) -> int:
        with case.database.system() as connection:
            return flag_write.settle_due(connection, case.clock.now())

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(settle, range(4))) == 1
    with case.database.system() as connection:
        assert [one.version for one in flags.history(connection, case.tenant, "shop.open")] == [1]


def test_an_edit_after_a_planned_change_began_counts_from_its_version(case: Case) -> None:
    case.ledger.put("shop.open", on=False)
    starts = case.clock.now() + timedelta(minutes=1)
    change = case.propose("shop.open", Gate.ALLOW, version=1, starts_at=starts)
    case.apply(change, Gate.ALLOW)
    case.clock.advance(timedelta(minutes=2))
    with pytest.raises(Refused, match="at version 2, not 1"):
        case.ledger.put("shop.open", on=False, version=1)
    assert case.ledger.put("shop.open", on=False, version=2) == 3
    assert case.state(change) is ChangeState.APPLIED


def test_nothing_is_known_of_a_change_that_does_not_exist(case: Case) -> None:
    with case.database.system() as connection:
        assert flag_changes.get(connection, ChangeId(case.ledger.incident)) is None


@pytest.mark.parametrize(
    ("roles", "key", "env", "gate"),
    [
        ((Role.RESPONDER,), "shop.open", "prod", Gate.ALLOW),
        ((), "shop.open", "prod", Gate.ALLOW),
        ((Role.VIEWER,), "shop.open", "prod", Gate.DENY),
        ((Role.RESPONDER,), KEY, "prod", Gate.APPROVE),
        ((), KEY, "prod", Gate.APPROVE),
        ((Role.INCIDENT_COMMANDER,), KEY, "prod", Gate.STEP_UP),
        ((Role.VIEWER, Role.SECURITY_ADMIN), KEY, "prod", Gate.STEP_UP),
        ((Role.RESPONDER,), KEY, "staging", Gate.STEP_UP),
        ((), KEY, "staging", Gate.APPROVE),
        ((), KEY, "dev", Gate.ALLOW),
        ((Role.ENGINE,), KEY, "prod", Gate.APPROVE),
    ],
)
def test_the_gate_follows_from_roles_risk_and_environment(
    roles: tuple[Role, ...], key: str, env: Any, gate: Gate
) -> None:
    assert ruling(key, roles, Settings(env=env)).gate is gate
