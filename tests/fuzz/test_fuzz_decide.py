"""Whatever the evidence says: a plan never goes beyond policy, is the same again, and knows no order of its inputs."""

from datetime import timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from runbooks import catalogue
from spine.action import ActionSpec
from spine.case import Case, Proposal, Usual
from spine.case_example import NOW, Crowd, findings, incident, logins
from spine.decision.engine import decide
from spine.decision.rules import FlagState, Rules
from spine.event_type import EventType
from spine.incident import IncidentKind
from spine.person import Role
from spine.plan import Decision, Gate, Risk
from spine.policy import MATRIX
from spine.settings import Settings
from spine.severity import Severity
from tasks.mitigations import actions

FUZZ = settings(settings.get_profile("fuzz"), max_examples=max(25, settings.get_profile("fuzz").max_examples // 3))
SPECS: dict[str, ActionSpec[Any]] = {key: mitigation.spec for key, mitigation in actions().items()}
BOOK = catalogue()[IncidentKind.FAILED_LOGINS_SPIKE]
AGENTS = st.sampled_from([None, "", "Mozilla/5.0", "python-requests/2", "<script>", "x" * 300])
CROWD = st.builds(
    Crowd, addresses=st.integers(1, 30), users=st.integers(1, 60), tries=st.integers(1, 8), hostile=st.booleans(),
    fails=st.booleans(), network=st.sampled_from(["203.0.113", "192.0.2", "198.51.100"]),
    first_user=st.sampled_from([0, 1000]), let_in=st.integers(0, 3), agent=AGENTS,
    fate=st.sampled_from([None, EventType.LOGIN_FAILED, EventType.LOGIN_BLOCKED]),
)  # fmt: skip
CROWDS = st.lists(CROWD, min_size=1, max_size=4)
HAND = st.lists(
    st.builds(
        Proposal, action_key=st.sampled_from([*SPECS, "no.such_action", ""]),
        params=st.dictionaries(st.sampled_from(["per_minute", "mode", "scope", "x"]),
                               st.integers() | st.floats() | st.text(max_size=4) | st.none(), max_size=2),
        targets=st.lists(st.sampled_from(["203.0.113.0/24", "0.0.0.0/0", "198.51.100.1/32", "u1", "", "::/0"]),
                         max_size=3).map(tuple),
        ttl=st.none() | st.timedeltas(timedelta(days=-1), timedelta(days=400)),
        after=st.just(()) | st.sampled_from([("ip.throttle",), ("nobody",)]),
    ),
    max_size=4,
)  # fmt: skip
RULES = st.builds(
    lambda env, role, tenants, undrilled: (env, role, tenants, undrilled),
    st.sampled_from(["prod", "staging"]), st.sampled_from([role.value for role in Role]),
    st.sampled_from([1, 2, 11, None]), st.sampled_from(["", "its runbook is not rehearsed"]),
)  # fmt: skip


def made(crowds: list[Crowd], severity: Severity, margin: float, known: bool, *, turned: bool = False) -> Case:
    """A case of these crowds; `turned` = the same, with everything that came in another order."""
    friends = [one for one in crowds if not one.hostile]
    hostile = {address for one in crowds if one.hostile for address in one.named}
    users = {user for one in crowds if one.hostile or one.fails for user in one.people}
    rows = logins(*crowds).drop_duplicates("id")  # as in the store: an id is there once
    found = findings(hostile, users, max(len(rows), 1), margin=margin)
    if turned:
        rows, found = rows.iloc[::-1].reset_index(drop=True), found[::-1]
    return Case.of(
        incident(severity=severity), found, now=NOW, logins=rows,
        known_users={user for one in friends for user in one.people} if known else None,
        known_addresses={address for one in friends for address in one.named} if known else None,
        watermark=NOW, usual=Usual(failures_per_hour=12, success_rate=0.97),
    )  # fmt: skip


def planned(case: Case, rules: tuple[str, str, int | None, str], wanted: list[Proposal] | None = None) -> Decision:
    env, role, tenants, undrilled = rules
    whole = Rules.of(Settings(env=env), tenants=tenants, undrilled=undrilled)
    from dataclasses import replace

    flags = {"auth.ipThrottle.enabled": FlagState(version=3, value=False)}
    return decide(case, BOOK.diagnose(case), BOOK, SPECS, rules=replace(whole, role=role), flags=flags, wanted=wanted)


def within_policy(decision: Decision, rules: tuple[str, str, int | None, str]) -> None:
    """No step stands behind a milder gate than its row of the matrix, one lower in staging, and none was made up."""
    env, role, _, _ = rules
    for step in decision.steps:
        spec = SPECS[step.action_key]
        assert step.gate is not Gate.DENY
        row = MATRIX[Role(role)][step.risk]
        assert row is not Gate.DENY, f"{role} may do nothing of {step.risk}"
        least = row if env == "prod" else Gate(max(row - 1, 0))
        assert step.gate >= least or spec.pre_authorised
        if env == "staging" and step.risk is Risk.CRITICAL and not spec.pre_authorised:
            assert step.gate >= Gate.STEP_UP
        bounds = spec.ttl_bounds(Settings(env=env).policy)
        if bounds and step.ttl:
            assert bounds.min <= step.ttl <= bounds.max
        assert len(step.targets) <= (spec.max_targets or len(step.targets))
        assert all(result.passed is not False for result in step.guard_results), "a guard that fails denies"
        if step.blast_radius is not None:
            assert step.blast_radius.legitimate_share <= step.blast_radius.cap
    for step in decision.denied:
        assert step.gate is Gate.DENY
        assert any(result.passed is not True for result in step.guard_results), "whoever is refused is told why"


@FUZZ
@given(CROWDS, st.sampled_from(list(Severity)), st.floats(0.1, 50), st.booleans(), RULES)
def test_the_engine_never_goes_beyond_its_row(
    crowds: list[Crowd], severity: Severity, margin: float, known: bool, rules: tuple[str, str, int | None, str]
) -> None:
    case = made(crowds, severity, margin, known)
    decision = planned(case, rules)
    within_policy(decision, rules)
    assert 0 <= decision.confidence <= 1
    again = planned(made(crowds, severity, margin, known), rules)
    assert again == decision, "the same evidence gives the same plan, with the same id and hash"
    turned = planned(made(crowds, severity, margin, known, turned=True), rules)
    assert (turned.decision_id, turned.plan_hash) == (decision.decision_id, decision.plan_hash), "order says nothing"
    assert Decision.model_validate_json(decision.model_dump_json(by_alias=True)) == decision


HUGE = Proposal(action_key="no.such_action", params={"x": 2**53})


@FUZZ
@given(CROWDS, HAND, RULES)
@example([Crowd(addresses=3, users=3, tries=3)], [HUGE], ("prod", "security_admin", 1, ""))
def test_what_somebody_wants_by_hand_never_goes_beyond_their_row(
    crowds: list[Crowd], wanted: list[Proposal], rules: tuple[str, str, int | None, str]
) -> None:
    case = made(crowds, Severity.HIGH, 4, True)
    decision = planned(case, rules, wanted)
    within_policy(decision, rules)
    assert len(decision.steps) + len(decision.denied) <= len(wanted)
    assert not {step.action_key for step in decision.steps} & {"no.such_action", ""}
