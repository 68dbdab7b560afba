"""Failed callbacks: whose fault it is, what is done about it, and what is never done."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbooks import catalogue
from runbooks.oauth_callback_errors import criteria, diagnose, hypotheses, propose
from spine.callback import Fault
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

KIND = IncidentKind.OAUTH_CALLBACK_ERRORS
BOOK = catalogue()[KIND]
KNOWN_GOOD = site_facts(PolicySettings(oauth_known_good={"google": "v41"}), ("https://accounts.example.com",))
BOTH = {f"u{k}": frozenset({"google", "password"}) for k in range(400)}
MISMATCH = {"oauth_error": "redirect_uri_mismatch"}


def errors(said: dict[str, Any], n: int = 30, provider: str | None = "google", first: int = 0) -> Rows:
    return Rows(type=EventType.OAUTH_CALLBACK_ERROR, n=n, users=n, first_user=first, provider=provider, attributes=said)


def fine(n: int = 10, provider: str | None = "google") -> Rows:
    return Rows(type=EventType.OAUTH_CALLBACK_OK, n=n, users=n, first_user=200, provider=provider)


def seen(*rows: Rows, **more: Any) -> Case:
    return case_of(KIND, *rows, **{"subject": "provider:google", "site": KNOWN_GOOD, "ways": BOTH, **more})


def decided(case: Case, *, tenants: int | None = 1) -> Decision:
    rules = Rules.of(Settings(env="prod"), tenants=tenants)
    rules = rules if case.site is None else replace(rules, site=case.site)
    specs = {key: mitigation.spec for key, mitigation in actions().items()}
    return decide(case, diagnose(case), BOOK, specs, rules=rules, flags={})


def keys(case: Case) -> list[str]:
    return [one.action_key for one in propose(case, diagnose(case))]


def answer(key: str, **checks: State) -> Answer:
    named = {name.replace("__", "."): state for name, state in checks.items()}
    return Answer(key, tuple(Check(name, state, "because") for name, state in named.items()))


DISCOVERY = Answer(
    "oidc_discovery",
    (Check("google.issuer", State.OK, "same", {"configured": "https://accounts.example.com"}),),
)


@pytest.mark.parametrize(
    ("said", "fault", "wanted"),
    [
        (MISMATCH, Fault.REDIRECT, "oauth.config_rollback"),
        ({"oauth_error": "invalid_client", "http_status": 401}, Fault.CLIENT, "oauth.config_rollback"),
        ({"error_class": "configuration"}, Fault.CONFIGURATION, "oauth.config_rollback"),
        ({"http_status": 503}, Fault.PROVIDER, "oauth.provider_disable"),
        ({"oauth_error": "bad_signature"}, Fault.KEYS, "jwks.refresh"),
        ({"oauth_error": "invalid_grant"}, Fault.GRANT, "oauth.provider_disable"),
        ({"error_class": "local_state"}, Fault.SESSION, "oauth.provider_disable"),
        ({}, Fault.UNSAID, "oauth.provider_disable"),
    ],
)
def test_the_cause_decides_the_action(said: dict[str, Any], fault: Fault, wanted: str) -> None:
    case = seen(errors(said), fine(), answers=[DISCOVERY])
    found = diagnose(case)
    assert found.attack_class.startswith(fault.value)
    assert keys(case) == ["evidence.snapshot", wanted]
    assert hypotheses(case, found)[0].cause == fault.value
    assert wanted in BOOK.ladder


def test_a_mismatch_goes_back_to_the_known_good_version_once_somebody_agreed() -> None:
    decision = decided(seen(errors(MISMATCH), fine()))
    assert decision.decision is Verb.MITIGATE
    rollback = next(s for s in decision.steps if s.action_key == "oauth.config_rollback")
    assert rollback.params == {"provider": "google", "version": "v41"}
    assert rollback.gate is Gate.APPROVE


@pytest.mark.parametrize("site", [None, site_facts(PolicySettings(), ())])
def test_without_a_known_good_version_none_is_invented_and_people_are_told_what_to_configure(site: Any) -> None:
    decision = decided(seen(errors(MISMATCH), fine(30), site=site))
    assert "oauth.config_rollback" not in {s.action_key for s in (*decision.steps, *decision.denied)}
    assert any("OPSSPINE_POLICY__OAUTH_KNOWN_GOOD" in gap for gap in decision.missing_evidence)
    hidden = [s.action_key for s in decision.steps if s.action_key != "evidence.snapshot"]
    assert hidden == ["oauth.provider_disable"]  # half of them fail, and everybody has another way in


def test_a_rollback_that_was_not_enough_is_followed_by_hiding_and_then_by_people() -> None:
    rows = (errors(MISMATCH), fine())
    assert keys(seen(*rows, tried={"evidence.snapshot", "oauth.config_rollback"})) == ["oauth.provider_disable"]
    case = seen(*rows, tried={"evidence.snapshot", "oauth.config_rollback", "oauth.provider_disable"})
    assert keys(case) == []
    assert "character by character" in diagnose(case).beyond
    assert decided(case).decision is Verb.ESCALATE


def test_few_failures_of_a_cause_without_a_cure_hide_nobody_and_are_handed_over() -> None:
    case = seen(errors({"error_class": "local_state"}, n=20), fine(60))
    assert keys(case) == ["evidence.snapshot"]
    assert decided(case).decision is Verb.ESCALATE
    assert decided(seen(errors({"error_class": "local_state"}), fine(60), severity=Severity.MEDIUM)).decision is (
        Verb.MONITOR
    )


def test_a_provider_is_not_hidden_from_people_who_have_no_other_way() -> None:
    only = {f"u{k}": frozenset({"google"}) for k in range(400)}
    decision = decided(seen(errors({"http_status": 503}), ways=only))
    assert [s.action_key for s in decision.steps] == ["evidence.snapshot"]
    (denied,) = decision.denied
    assert any(r.name == "another_way" and not r.passed for r in denied.guard_results)
    assert decision.decision is Verb.ESCALATE


def test_what_holds_for_everybody_takes_two_people() -> None:
    case = seen(errors({"http_status": 503}), subject="everywhere/provider:google")
    decision = decided(case, tenants=None)
    step = next(s for s in decision.steps if s.action_key == "oauth.provider_disable")
    assert (step.gate, step.targets) == (Gate.TWO_PERSON, ("google",))
    assert "all tenants" in BOOK.messages.admin(case.incident, decision)


def test_another_provider_of_the_tenant_is_left_alone() -> None:
    case = seen(errors({"http_status": 503}, n=10), errors(MISMATCH, n=40, provider="okta", first=50))
    hidden = propose(case, diagnose(case))[-1]
    assert hidden.targets == ("google",)
    assert diagnose(case).numbers["failures"] == 10


@pytest.mark.parametrize("error", ["access_denied", "login_required", "consent_required"])
def test_what_users_decide_themselves_needs_nothing(error: str) -> None:
    case = seen(errors({"oauth_error": error}, n=40), errors(MISMATCH, n=3, first=50), fine(60))
    assert keys(case) == []
    found = diagnose(case)
    assert (found.confounders[0].name, found.beyond) == ("users said no", "")
    assert decided(case).decision in {Verb.MONITOR, Verb.INSUFFICIENT_EVIDENCE}


def test_the_back_button_of_few_users_speaks_against_a_fault() -> None:
    """A code that is used twice fails, and the next try works."""
    twice = Rows(
        type=EventType.OAUTH_CALLBACK_ERROR, n=12, users=2, provider="google", since=14, until=5,
        attributes={"oauth_error": "invalid_grant"},
    )  # fmt: skip
    again = Rows(type=EventType.OAUTH_CALLBACK_OK, n=2, users=2, provider="google", since=2)
    case = seen(twice, again, fine(60))
    assert {c.name for c in diagnose(case).confounders} == {"few people", "a second try works"}
    assert decided(case).steps == ()


@pytest.mark.parametrize(
    ("answers", "least", "most"),
    [
        ((answer("redirect_uri", google__sent_hashes=State.BAD),), 1, 1),
        ((), 0.75, 0.75),
        ((answer("redirect_uri", google__sent_hashes=State.UNKNOWN),), 0.75, 0.75),
        ((answer("redirect_uri", google__sent=State.OK, google__sent_hashes=State.OK),), 0.5, 0.5),
    ],
)
def test_what_was_asked_of_the_world_confirms_or_contradicts(
    answers: tuple[Answer, ...], least: float, most: float
) -> None:
    assert least <= diagnose(seen(errors(MISMATCH), fine(), answers=answers)).confirmation <= most


def test_a_diagnostic_tells_the_cause_where_events_do_not() -> None:
    case = seen(errors({}), answers=[answer("redirect_uri", google__sent=State.BAD)])
    assert diagnose(case).attack_class == "redirect URI mismatch at google"
    assert any("oauth_error" in gap for gap in diagnose(case).missing)
    assert keys(case)[-1] == "oauth.config_rollback"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((answer("release_split", oauth__release=State.BAD),), "roll it back"),
        ((answer("clock_skew", clock__database=State.BAD),), "NTP"),
        ((), "PKCE"),
    ],
)
def test_people_are_told_what_no_action_can_mend(answers: tuple[Answer, ...], words: str) -> None:
    case = seen(errors({"oauth_error": "invalid_grant"}, n=20), fine(60), answers=answers)
    assert words in diagnose(case).beyond


def test_without_the_name_of_a_provider_nothing_is_aimed_at() -> None:
    case = seen(errors({"http_status": 503}, provider=None), subject="tenant")
    assert keys(case) == ["evidence.snapshot"]
    assert any("`provider`" in gap for gap in diagnose(case).missing)


def test_an_unreadable_case_proposes_nothing_and_goes_to_people() -> None:
    case = replace(seen(errors(MISMATCH)), logins=seen().logins, readable=False)
    assert keys(case) == []
    decision = decided(case)
    assert decision.steps == ()
    assert any("could not be read" in gap for gap in decision.missing_evidence)


def test_verification_asks_for_callbacks_that_work_as_usual_and_no_fault_at_half_its_pace() -> None:
    case = seen(errors(MISMATCH), errors({"oauth_error": "access_denied"}, n=10, first=50), fine(), observed={
        "usual_ratio": 0.03,
    })  # fmt: skip
    made = criteria(case, diagnose(case), VerifySettings())
    (limit,) = made.shares
    assert limit.least == pytest.approx(1 - (0.03 + 10 / 50) - 0.02)
    assert limit.min_events == 20
    assert made.max_failures_per_window == pytest.approx(40 / 15 * 5 / 4, abs=0.01)


def test_of_a_hidden_provider_no_callback_is_asked_for() -> None:
    case = seen(errors({"http_status": 503}))
    assert criteria(case, diagnose(case), VerifySettings()).shares == ()


said_of_callbacks = st.fixed_dictionaries(
    {},
    optional={
        "oauth_error": st.sampled_from(
            ["access_denied", "invalid_client", "invalid_grant", "redirect_uri_mismatch", ""]
        ),
        "error_class": st.sampled_from(["user", "provider", "configuration", "local_state", 7, None]),
        "http_status": st.sampled_from([200, 401, 503, "503", None]),
        "error_code": st.one_of(st.none(), st.text(max_size=5), st.integers()),
    },
)
some_rows = st.lists(
    st.builds(
        Rows,
        type=st.sampled_from([EventType.OAUTH_CALLBACK_ERROR, EventType.OAUTH_CALLBACK_OK, EventType.LOGIN_SUCCEEDED]),
        n=st.integers(1, 20), users=st.integers(1, 5), provider=st.sampled_from([None, "google", "okta", "", " odd "]),
        ip=st.sampled_from([None, "192.0.2.1"]), attributes=said_of_callbacks,
    ),
    max_size=4,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    rows=some_rows,
    subject=st.sampled_from(["tenant", "provider:google", "everywhere", "everywhere/provider:google"]),
    site=st.sampled_from([None, KNOWN_GOOD]),
    ways=st.sampled_from([None, {}, BOTH]),
    tried=st.sets(st.sampled_from(BOOK.ladder)),
    states=st.lists(st.sampled_from(list(State)), min_size=2, max_size=2),
)
def test_no_case_is_too_odd_and_no_check_is_ever_relaxed(
    rows: list[Rows], subject: str, site: Any, ways: Any, tried: set[str], states: list[State]
) -> None:
    asked = [
        answer("redirect_uri", google__sent=states[0]), answer("jwks_comparison", google__rejected__uncached=states[1])
    ]  # fmt: skip
    case = seen(*rows, subject=subject, site=site, ways=ways, tried=tried, answers=asked)
    proposals = propose(case, diagnose(case))
    assert {p.action_key for p in proposals} <= set(BOOK.ladder) - tried
    assert all(p.params.get("mode", "hide") == "hide" for p in proposals)
    if any(p.action_key == "oauth.config_rollback" for p in proposals):
        assert site is KNOWN_GOOD
    decision = decided(case)
    assert all(r.passed for s in decision.steps for r in s.guard_results)
