"""Refused and wrongly accepted tokens: what became of their keys, what is done, and what is never done."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbooks import catalogue, token_example
from runbooks.jwt_validation_errors import OVERLAP, REJECT, REVOKE, criteria, diagnose, hypotheses, propose
from runbooks.token import ACCEPTED_BY, Cause, Tokens
from runbooks.token_example import ISSUER
from spine.action import SiteFacts
from spine.case import Case
from spine.case_rows import Rows, case_of
from spine.decision.engine import decide
from spine.decision.rules import Rules, site_facts
from spine.diagnostic import Answer, Check, State
from spine.event_type import EventType
from spine.incident import IncidentKind
from spine.plan import Decision, Gate, Verb
from spine.settings import PolicySettings, Settings, VerifySettings
from spine.severity import Severity
from tasks.mitigations import actions

KIND = IncidentKind.JWT_VALIDATION_ERRORS
BOOK = catalogue()[KIND]
ASKED = Answer("oidc_discovery", (Check("main.issuer", State.OK, "same", {"configured": ISSUER}),))


def site(issuers: tuple[str, ...] = (ISSUER,), **policy: Any) -> SiteFacts:
    return site_facts(PolicySettings(**policy), issuers)


def refused(kid: str | None = "K2", n: int = 60, users: int = 40, **said: Any) -> Rows:
    told = {"reject_reason": "unknown_kid", "kid": kid, "service": "api", **said}
    return Rows(type=EventType.JWT_VALIDATION_ERROR, n=n, users=users, attributes=told)


def accepted(n: int = 90, **said: Any) -> Rows:
    told = {"kid": "K1", "service": "api", **said}
    return Rows(type=EventType.JWT_ACCEPTED, n=n, users=min(n, 40), first_user=500, attributes=told)


def seen(*rows: Rows, **more: Any) -> Case:
    return case_of(KIND, *rows, **{"site": site(), **more})


def compared(check: str, *kids: str, name: str = "main", state: State = State.BAD) -> Answer:
    return Answer("jwks_comparison", (Check(f"{name}.{check}", state, "told", {"kids": kids}),))


def decided(case: Case, *, tenants: int | None = 1) -> Decision:
    rules = Rules.of(Settings(env="prod"), tenants=tenants)
    rules = rules if case.site is None else replace(rules, site=case.site)
    specs = {key: mitigation.spec for key, mitigation in actions().items()}
    return decide(case, diagnose(case), BOOK, specs, rules=rules, flags={})


def keys(case: Case) -> list[str]:
    return [one.action_key for one in propose(case, diagnose(case))]


def test_a_new_key_that_is_not_read_yet_is_read_again_at_once() -> None:
    decision = decided(token_example.rotated())
    assert decision.decision is Verb.MITIGATE
    step = decision.steps[-1]
    assert (step.action_key, step.gate, step.targets) == ("jwks.refresh", Gate.ALLOW, (ISSUER,))
    assert step.params["epoch"] == int(token_example.rotated().now.timestamp()) // 300 * 300


def test_a_key_that_was_taken_away_early_is_accepted_again_once_somebody_agreed() -> None:
    decision = decided(token_example.dropped())
    step = decision.steps[-1]
    assert (step.action_key, step.gate, step.targets) == (OVERLAP, Gate.APPROVE, ("K1",))
    assert decision.verify is not None
    assert {s.name for s in decision.verify.shares if s.most == 0} == {"accepted tokens that are wrong"}


@pytest.mark.parametrize(
    ("answers", "rows", "cause", "wanted"),
    [
        ((compared("rejected.uncached", "K2"),), (refused(),), Cause.UNCACHED, ["jwks.refresh"]),
        ((compared("rejected.dropped", "K2"),), (refused(),), Cause.DROPPED, []),
        ((compared("origin.freshness"),), (refused(),), Cause.STALE, ["jwks.refresh"]),
        ((), (refused(),), Cause.UNEXPLAINED, ["jwks.refresh"]),
        ((), (refused(reject_reason="bad_signature"),), Cause.SIGNATURE, []),
        (
            (compared("verifier.api.material", "K1"),), (refused(reject_reason="bad_signature"),), Cause.SIGNATURE,
            ["jwks.refresh"],
        ),
        ((), (refused(reject_reason="wrong_audience"),), Cause.BINDING, []),
        ((), (refused(reject_reason="not_yet_valid", clock_skew_seconds=300),), Cause.CLOCK, []),
        ((), (refused(reject_reason=None),), Cause.UNSAID, []),
        ((), (refused(kid=None),), Cause.UNSAID, []),
    ],
)  # fmt: skip
def test_the_cause_decides_the_action(
    answers: tuple[Answer, ...], rows: tuple[Rows, ...], cause: Cause, wanted: list[str]
) -> None:
    case = seen(*rows, accepted(), answers=(*answers, ASKED))
    found = diagnose(case)
    assert found.attack_class == cause.value
    assert hypotheses(case, found)[0].cause == cause.value
    assert keys(case) == ["evidence.snapshot", *wanted]
    assert bool(found.beyond) is not bool(wanted)
    assert decided(case).decision is (Verb.MITIGATE if wanted else Verb.ESCALATE)


def test_two_keys_with_two_causes_are_both_mended() -> None:
    case = seen(
        refused("K9"), refused("K0", n=20), accepted(),
        answers=(compared("rejected.uncached", "K9"), ASKED), site=site(former_kids=["K0"]),
    )  # fmt: skip
    assert keys(case) == ["evidence.snapshot", "jwks.refresh", OVERLAP]


@pytest.mark.parametrize(
    ("rows", "because"),
    [
        ((refused(reject_reason="expired"),), "idle"),
        ((refused(reject_reason="not_yet_valid", clock_skew_seconds=60),), "a minute off"),
        ((refused(reject_reason="alg_none"),), "forged"),
        ((refused(iss="https://id.staging.example.com"),), "staging"),
        (tuple(refused(f"made-up-{k}", n=2, users=2) for k in range(30)), "made up"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused_as_it_should_be_needs_nothing(rows: tuple[Rows, ...], because: str) -> None:
    case = seen(*rows, accepted())
    found = diagnose(case)
    assert keys(case) == []
    assert (found.attack_class, found.beyond) == (Cause.HARMLESS.value, "")
    assert found.confounders[0].weight == pytest.approx(0.4)
    assert decided(case).decision in {Verb.MONITOR, Verb.INSUFFICIENT_EVIDENCE}


def test_made_up_keys_beside_a_rotation_do_not_hide_it() -> None:
    fuzz = tuple(refused(f"made-up-{k}", n=1, users=1) for k in range(20))
    case = seen(*fuzz, refused("K2"), accepted(), answers=(compared("rejected.uncached", "K2"), ASKED))
    assert keys(case)[-1] == "jwks.refresh"
    assert Tokens(case).keys["K2"].value == "not read yet"


@pytest.mark.parametrize(
    "said",
    [{"alg": "none"}, {"alg": "HS256", "alg_allowed": False}, {"binding_ok": False}, {"url_trusted": False}],
    ids=["none", "off the list", "binding", "address"],
)
def test_a_wrong_token_that_was_accepted_is_a_fact_that_people_must_mend(said: dict[str, Any]) -> None:
    """The key it names may be the live one, so rejecting it would help the attacker only."""
    case = seen(accepted(1, **said), accepted(), detectors=(ACCEPTED_BY,), n=1, margin=1, severity=Severity.CRITICAL)
    found = diagnose(case)
    assert (found.cause_confirmed, found.unsuppressible, found.confirmation) == (True, True, 1.0)
    assert "roll api back" in found.beyond
    decision = decided(case)
    assert (decision.decision, [s.action_key for s in decision.steps]) == (Verb.ESCALATE, ["evidence.snapshot"])


def test_a_wrong_token_that_can_no_longer_be_read_is_a_fact_all_the_same() -> None:
    case = seen(detectors=(ACCEPTED_BY,), n=1, margin=1, severity=Severity.CRITICAL)
    assert diagnose(case).cause_confirmed
    assert decided(case).decision is Verb.ESCALATE


@pytest.mark.parametrize(
    ("row", "facts"),
    [
        (accepted(2, kid="EVIL", kid_trusted=False), site()),
        (accepted(2, kid="EVIL"), site(compromised_kids=["EVIL"])),
    ],
    ids=["nobody trusts it", "compromised"],
)
def test_an_accepted_key_that_nobody_trusts_is_rejected_by_two_people(row: Rows, facts: SiteFacts) -> None:
    case = seen(row, accepted(), detectors=(ACCEPTED_BY,), n=2, margin=2, severity=Severity.CRITICAL, site=facts)
    assert keys(case) == ["evidence.snapshot", REJECT, REVOKE]
    decision = decided(case)
    step = next(s for s in decision.steps if s.action_key == REJECT)
    assert (decision.decision, step.targets, step.gate) == (Verb.CONTAIN, ("EVIL",), Gate.TWO_PERSON)


def test_a_key_is_not_rejected_while_no_other_works() -> None:
    case = seen(
        accepted(2, kid="EVIL", kid_trusted=False), detectors=(ACCEPTED_BY,), n=2, margin=2, severity=Severity.CRITICAL
    )
    decision = decided(case)
    assert {REJECT, REVOKE} <= {s.action_key for s in decision.denied}
    assert decision.decision is Verb.ESCALATE


@pytest.mark.parametrize(
    "facts", [site(former_kids=["K1"], compromised_kids=["K1"]), site(), None, site(former_kids=["K7"])]
)
def test_no_key_is_accepted_again_that_is_tainted_or_that_nobody_vouches_for(facts: SiteFacts | None) -> None:
    case = seen(refused("K1"), accepted(kid="K2"), answers=(compared("rejected.dropped", "K1"), ASKED), site=facts)
    assert OVERLAP not in keys(case)


def test_people_are_told_what_to_configure() -> None:
    unknown = diagnose(seen(refused(), site=None))
    assert any("OPSSPINE_PROBE__OIDC" in gap for gap in unknown.missing)
    assert any("jwt_accepted" in gap for gap in unknown.missing)
    early = diagnose(seen(refused("K1"), accepted(), answers=(compared("rejected.dropped", "K1"), ASKED)))
    assert any("OPSSPINE_POLICY__FORMER_KIDS" in gap and "K1" in gap for gap in early.missing)


def test_which_issuer_to_read_is_told_by_the_diagnostic_else_by_tokens_else_there_is_one_only() -> None:
    two = site(issuers=(ISSUER, "https://b.example.com"))
    assert Tokens(seen(refused(), answers=(compared("rejected.uncached", "K2"), ASKED), site=two)).refreshed() == [
        ISSUER
    ]
    assert Tokens(seen(refused(iss="https://b.example.com"), site=two)).refreshed() == ["https://b.example.com"]
    assert Tokens(seen(refused(), site=two)).refreshed() == []
    assert Tokens(seen(refused())).refreshed() == [ISSUER]


def test_for_everybody_a_refresh_takes_a_person_and_sessions_of_all_end() -> None:
    case = replace(token_example.rotated(), incident=replace(token_example.rotated().incident, subject="everywhere"))
    step = next(s for s in decided(case, tenants=None).steps if s.action_key == "jwks.refresh")
    assert step.gate is Gate.APPROVE
    assert "all tenants" in BOOK.messages.admin(case.incident, decided(case, tenants=None))
    bad = seen(accepted(kid_trusted=False, kid="EVIL"), subject="everywhere", detectors=(ACCEPTED_BY,))
    assert propose(bad, diagnose(bad))[-1].params == {"scope": "all"}


def test_verification_wants_accepted_tokens_all_of_them_right_and_no_fault_at_half_its_pace() -> None:
    case = seen(refused(n=60), accepted(), observed={"failures": 60.0, "usual": 3.0}, n=150)
    made = criteria(case, diagnose(case), VerifySettings())
    share, right = made.shares
    assert (share.least, share.min_events, right.least, right.sound) == (0.95, 100, 1.0, True)
    assert made.hold.total_seconds() == 600
    assert made.max_failures_per_window == pytest.approx(60 / 15 * 5 / 4, abs=0.01)


def test_an_unreadable_case_proposes_nothing_and_says_so() -> None:
    case = replace(seen(refused()), logins=seen().logins, readable=False)
    assert keys(case) == []
    assert any("could not be read" in gap for gap in decided(case).missing_evidence)


KIDS = [None, "K1", "K2", "EVIL", "", " odd "]
told = st.fixed_dictionaries(
    {},
    optional={
        "reject_reason": st.sampled_from(
            [*(r for r in ("unknown_kid", "expired", "bad_signature", "alg_none")), 3, None]
        ),
        "kid": st.sampled_from(KIDS),
        "iss": st.sampled_from([ISSUER, "https://else.example.com", None, 5]),
        "alg": st.sampled_from(["RS256", "none", None, 1]),
        "kid_trusted": st.sampled_from([True, False, "no", None]),
        "clock_skew_seconds": st.sampled_from([0, 61, -900.5, float("nan"), "x", None]),
        "service": st.sampled_from(["api", None]),
    },
)
kinds = st.sampled_from([EventType.JWT_ACCEPTED, EventType.JWT_VALIDATION_ERROR, EventType.SIGNING_KEY_ROTATED])
some_rows = st.lists(
    st.builds(
        Rows, type=kinds, n=st.integers(1, 15), users=st.integers(1, 12), ip=st.sampled_from([None, "192.0.2.1"]),
        attributes=told,
    ),
    max_size=5,
)  # fmt: skip
some_kids = st.lists(st.sampled_from(["K1", "K2", "EVIL"]), unique=True)


@settings(max_examples=80, deadline=None)
@given(
    rows=some_rows,
    subject=st.sampled_from(["tenant", "everywhere"]),
    former=some_kids,
    compromised=some_kids,
    looked_up=st.booleans(),
    dropped=some_kids,
    check=st.sampled_from(["rejected.dropped", "rejected.uncached", "origin.freshness", "verifier.api.material"]),
    tried=st.sets(st.sampled_from(BOOK.ladder)),
    detector=st.sampled_from(["example", ACCEPTED_BY]),
)
def test_no_case_is_too_odd_and_a_compromised_key_is_never_accepted_again(
    rows: list[Rows], subject: str, former: list[str], compromised: list[str], looked_up: bool, dropped: list[str],
    check: str, tried: set[str], detector: str,
) -> None:  # fmt: skip
    facts = site(former_kids=former, compromised_kids=compromised) if looked_up else None
    case = seen(
        *rows, subject=subject, site=facts, answers=(compared(check, *dropped), ASKED), tried=tried,
        detectors=(detector,),
    )  # fmt: skip
    proposals = propose(case, diagnose(case))
    assert {p.action_key for p in proposals} <= set(BOOK.ladder) - tried
    overlapped = {target for p in proposals if p.action_key == OVERLAP for target in p.targets}
    assert overlapped <= set(former) - set(compromised)
    assert looked_up or not overlapped
    rejected = {target for p in proposals if p.action_key == REJECT for target in p.targets}
    assert not overlapped & rejected
    decision = decided(case)
    assert all(r.passed for s in decision.steps for r in s.guard_results)
