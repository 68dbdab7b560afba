"""What holds for every action of the registry, whatever it is proposed for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbooks import catalogue
from spine.action import ActionSpec, Names, NoParams, Ttl
from spine.case import Case, Diagnosis, Proposal
from spine.case_example import Crowd, case
from spine.decision.engine import decide
from spine.decision.planning import Setting, plan
from spine.decision.rules import Rules
from spine.flag import CATALOGUE, Evaluation, FlagSet, Hold, compose
from spine.flag.rule import check_rule
from spine.flag.target import all_of, named_condition
from spine.plan import Gate, Risk, Step
from spine.policy import MATRIX, Role
from spine.runbook import Runbook
from spine.settings import PolicySettings, Settings
from spine.wording import step_line
from tasks.mitigations import actions

SPECS = {key: mitigation.spec for key, mitigation in actions().items()}
KEYS = st.sampled_from(sorted(SPECS))
NOW = datetime(2036, 1, 1, tzinfo=UTC)
SEEN = case(
    Crowd(addresses=20, users=200, tries=3, hostile=True),
    Crowd(addresses=1, users=40, tries=1, network="198.51.100", first_user=1000),
)


def targets_of(spec: ActionSpec[Any]) -> tuple[str, ...]:
    """Something the action may be aimed at."""
    if not spec.max_targets:
        return ()
    return ("https://id.example.org",) if spec.names else ("203.0.113.1/32",)


def planned(
    spec: ActionSpec[Any], *, confirmed: bool = False, confidence: float = 1, seen: Case = SEEN, **params: object
) -> Step:
    """The step that comes of proposing `spec` in production, kept or denied."""
    setting = Setting(
        case=seen,
        diagnosis=Diagnosis(attack_class="x", summary="x", confirmation=1, confirmed_by="x", cause_confirmed=confirmed),
        actions={spec.key: spec},
        rules=Rules.of(Settings(env="prod")),
        flags={},
        confidence=confidence,
    )
    kept, denied = plan((Proposal(action_key=spec.key, params=params, targets=targets_of(spec)),), setting)
    (step,) = (*kept, *denied)
    return step


@settings(deadline=None)
@given(KEYS, st.booleans(), st.floats(0, 1))
def test_no_action_is_below_its_row_unless_preauthorised_and_confirmed(
    key: str, confirmed: bool, confidence: float
) -> None:
    spec = SPECS[key]
    step = planned(spec, confirmed=confirmed, confidence=confidence)
    if spec.pre_authorised and confirmed:
        assert step.gate in (Gate.ALLOW, Gate.DENY)
    else:
        assert step.gate >= MATRIX[Role.ENGINE][step.risk]


def test_only_the_containment_of_a_leak_is_preauthorised() -> None:
    assert [key for key, spec in SPECS.items() if spec.pre_authorised] == ["evidence.snapshot", "tenant.deny_cross"]
    assert planned(SPECS["tenant.deny_cross"], confirmed=True).gate is Gate.ALLOW
    assert planned(SPECS["tenant.deny_cross"]).gate is Gate.APPROVE


@settings(deadline=None)
@given(KEYS, st.lists(st.text(max_size=250), max_size=130))
def test_targets_out_of_bounds_are_refused_with_the_reason(key: str, targets: list[str]) -> None:
    spec = SPECS[key]
    ttl = spec.ttl.default if spec.ttl else None
    found = spec.problems({}, tuple(targets), ttl, PolicySettings())
    bad = [t for t in targets if (spec.networks or spec.names or Names(of="", noun="")).problem(t)]
    count = len(targets) > spec.max_targets or (spec.max_targets > 0 and not targets and not spec.targets_optional)
    assert bool(found) is (count or bool(spec.max_targets and bad)), found


@pytest.mark.parametrize("key", sorted(SPECS))
def test_unknown_parameters_and_times_beyond_the_bounds_are_refused(key: str) -> None:
    spec = SPECS[key]
    ttl = spec.ttl.default if spec.ttl else None
    assert spec.problems({"no_such": 1}, targets_of(spec), ttl, PolicySettings())
    for wrong in (None, spec.ttl.max + timedelta(seconds=1)) if spec.ttl else (timedelta(minutes=5),):
        assert spec.problems({}, targets_of(spec), wrong, PolicySettings())


def test_containment_is_what_the_matrix_lets_emergency_accounts_do_at_critical_risk() -> None:
    critical = [key for key, spec in SPECS.items() if spec.risk_of(spec.parse({})) is Risk.CRITICAL]
    assert critical
    assert all(SPECS[key].containment for key in critical)


names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)


@settings(deadline=None)
@given(st.sets(names, min_size=1, max_size=8), names, st.sampled_from([s.names for s in SPECS.values() if s.names]))
def test_a_hold_means_its_names_and_nobody_else(held: set[str], other: str, kind: Names) -> None:
    base = CATALOGUE["auth.jwt.rejectKid"].definition
    condition = all_of([named_condition(kind.of, sorted(held))])
    assert condition is not None
    assert check_rule({"if": [condition, "on", "off"]}, base.variants.keys()) is None
    hold = Hold(
        lease_id=UUID(int=1), key="f", variant="on", condition=condition, created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )  # fmt: skip
    flags = FlagSet({"f": compose(base, [hold], NOW)})

    def reads(context: dict[str, str]) -> object:
        found = flags.evaluate("f", {"targetingKey": "x", **context})
        assert isinstance(found, Evaluation)
        return found.value

    assert all(reads({kind.of: name}) is True for name in held)
    assert reads({kind.of: other}) is (other in held)
    assert reads({}) is False


def test_what_cannot_be_undone_says_so_in_the_plan_the_prompt_and_the_rollback_plan() -> None:
    gone = ActionSpec(
        key="ip.block", title="Forget everything", params=NoParams, risk=Risk.HIGH, reversible=False, ttl=None
    )
    book: Runbook = next(iter(catalogue().values()))
    only = replace(book, propose=lambda _case, _found: [Proposal(action_key="ip.block")])
    made = decide(SEEN, book.diagnose(SEEN), only, {gone.key: gone}, rules=Rules.of(Settings(env="prod")), flags={})
    (step,) = made.steps
    assert step.reversible is False
    assert "cannot be taken back" in step_line(step)
    assert made.rollback_plan is not None
    assert made.rollback_plan.irreversible == ("ip.block",)
    assert made.rollback_plan.steps == ()


def test_a_lease_that_can_be_undone_has_an_end() -> None:
    assert all(isinstance(spec.ttl, Ttl) for spec in SPECS.values() if spec.reversible)
