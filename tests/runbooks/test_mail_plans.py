"""Failing mails and links: what is done, behind which gate, and what never is. Source: RUNBOOKS 2.2, 2.8."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runbooks import catalogue
from runbooks.mail.cause import Cause
from runbooks.mail.example import SITE, lost, mail_case, refused, went_well
from runbooks.mail.stream import RESET, VERIFICATION, Stream
from spine.case import Case, Diagnosis, Usual
from spine.case_rows import Rows
from spine.decision.engine import decide
from spine.decision.rules import Rules
from spine.diagnostic import Answer, Check, State
from spine.event_type import EventType as T
from spine.plan import Decision, Gate, Verb
from spine.reach import Reach
from spine.settings import Settings, VerifySettings
from spine.severity import Severity
from tasks.diagnostics import diagnostics
from tasks.mitigations import actions

STREAMS = (RESET, VERIFICATION)
both = pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
BY_MAIL = ["email.failover", "email.retry_queue"]


def answer(key: str, **states: State) -> Answer:
    """A diagnostic's answer; "__" in a name stands for a dot."""
    return Answer(key, tuple(Check(n.replace("__", "."), s, f"{n} is {s.value}") for n, s in states.items()))


def diagnosed(case: Case) -> Diagnosis:
    """What its runbook finds."""
    return catalogue()[case.incident.kind].diagnose(case)


def proposed(case: Case) -> dict[str, dict[str, Any]]:
    """The rungs by action, with their parameters."""
    return {one.action_key: dict(one.params) for one in catalogue()[case.incident.kind].propose(case, diagnosed(case))}


DKIM_GONE = answer("mail_dns", mx=State.OK, spf=State.OK, dkim__old=State.BAD, dkim__new=State.OK, dmarc=State.OK)


def decided(case: Case) -> Decision:
    """What the engine makes of it, in production."""
    book = catalogue()[case.incident.kind]
    rules = Rules.of(Settings(env="prod"), tenants=Reach.of(case.incident).tenants)
    rules = replace(rules, site=case.site) if case.site else rules
    specs = {key: mitigation.spec for key, mitigation in actions().items()}
    return decide(case, book.diagnose(case), book, specs, rules=rules, flags={})


def late(stream: Stream, minutes: float, n: int = 40) -> tuple[Rows, ...]:
    """Mails that arrive so late that their links have expired."""
    people: dict[str, Any] = {"n": n, "users": n, "first_user": 500}
    return (
        Rows(type=stream.sent, **people),
        Rows(type=stream.delivered, attributes={"delivery_seconds": minutes * 60}, **people),
        Rows(type=stream.rejected, attributes={"link_problem": "expired", "link_age_seconds": minutes * 60}, **people),
    )


def abused(n: int = 60) -> tuple[Rows, ...]:
    """One address asks for the resets of thirty people again and again; links they open are replaced ones."""
    asked = Rows(type=T.PASSWORD_RESET_REQUESTED, n=3 * n, users=30, ip="203.0.113.9")
    return (asked, *refused(RESET, n, "superseded")[1:], Rows(type=T.PASSWORD_RESET_DELIVERED, n=n, users=30))


@both
def test_a_service_that_fails_is_replaced_by_approval_and_what_waited_is_sent_again(stream: Stream) -> None:
    plan = decided(mail_case(stream, *lost(stream, 80), *went_well(stream, 20)))
    assert plan.decision is Verb.MITIGATE
    assert {s.action_key: s.gate for s in plan.steps}["email.failover"] is Gate.APPROVE
    failover = next(s for s in plan.steps if s.action_key == "email.failover")
    assert failover.params == {"stream": stream.name}
    assert "mails that bounce are over 5.0%" in failover.stop_if
    again = next(s for s in (*plan.steps, *plan.denied) if s.action_key == "email.retry_queue")
    assert again.params["token"] == stream.name
    assert again.params["newer_than_minutes"] == 15


@both
@pytest.mark.parametrize(
    ("site", "because"),
    [
        ({"email_secondary": ""}, "no second mail provider"),
        ({"email_secondary_ready": False}, "was not shown to align"),
    ],
)
def test_without_a_second_service_that_aligns_nothing_is_failed_over_and_people_are_called(
    stream: Stream, site: dict[str, Any], because: str
) -> None:
    plan = decided(mail_case(stream, *lost(stream, 80), *went_well(stream, 20), site=replace(SITE, **site)))
    assert (plan.decision, plan.steps) == (Verb.ESCALATE, ())
    assert because in " ".join(g.because for s in plan.denied for g in s.guard_results)


@both
def test_a_link_fault_at_high_severity_calls_people_and_touches_no_mail_service(stream: Stream) -> None:
    case = mail_case(stream, *refused(stream, 60, "wrong_key"), *went_well(stream, 10))
    plan = decided(case)
    assert (plan.decision, plan.steps, plan.denied) == (Verb.ESCALATE, (), ())
    assert "put the former key back" in diagnosed(case).beyond
    assert diagnosed(case).numbers["wrong_key"] == 60


def test_the_longer_life_of_links_stands_behind_an_approval() -> None:
    plan = decided(mail_case(RESET, *late(RESET, 35), *went_well(RESET, 5)))
    assert {s.action_key: s.gate for s in plan.steps}["token.ttl_set"] is Gate.APPROVE


def test_abuse_is_limited_first_and_paused_last() -> None:
    case = mail_case(RESET, *abused(), *went_well(RESET, 20))
    assert diagnosed(case).attack_class == Cause.ABUSE.value
    assert list(proposed(case)) == ["rate_limit.strict"]
    assert proposed(case)["rate_limit.strict"] == {"flow": "reset", "scope": "address", "per_minute": 2}
    plan = decided(case)
    assert [s.action_key for s in plan.steps] == ["rate_limit.strict"]
    tried = replace(case, tried=frozenset({"rate_limit.strict"}))
    assert [(s.action_key, s.gate) for s in decided(tried).steps] == [("reset.pause", Gate.APPROVE)]


@both
def test_a_link_that_had_to_be_refused_and_was_accepted_is_never_suppressed(stream: Stream) -> None:
    role = stream.accepted or stream.completed
    bad = Rows(type=role, users=1, first_user=7, attributes={"link_problem": "foreign_tenant"})
    case = mail_case(stream, bad, *lost(stream, 40), *went_well(stream, 20), severity=Severity.CRITICAL)
    found = diagnosed(case)
    assert (found.attack_class, found.unsuppressible) == (Cause.ACCEPTED.value, True)
    assert "email.failover" not in proposed(case)
    plan = decided(case)
    assert plan.decision is Verb.ESCALATE
    assert {s.action_key for s in plan.denied} == ({"reset.pause"} if stream is RESET else set())


def test_throw_away_sign_ups_meet_a_captcha_and_nothing_else() -> None:
    wave = lost(
        VERIFICATION, 80, smtp_status="550 5.1.1", delivery_state="bounced", recipient_domain="throw.example",
        disposable_domain=True,
    )  # fmt: skip
    case = mail_case(VERIFICATION, *wave, *went_well(VERIFICATION, 20))
    assert diagnosed(case).attack_class == Cause.THROWN.value
    assert diagnosed(case).numbers["throw_away_addresses"] == 80
    plan = decided(case)
    assert [(s.action_key, s.params) for s in plan.steps] == [("captcha.require", {"mode": "risk", "flow": "signup"})]
    assert plan.steps[0].blast_radius is not None
    assert plan.steps[0].blast_radius.attack_stopped == 80


@both
def test_harmless_causes_are_named_and_weigh(stream: Stream) -> None:
    scanned = refused(stream, 20, "used", first=100, scanner=True)
    case = mail_case(stream, *refused(stream, 20, "superseded"), *scanned, *went_well(stream, 60))
    assert {c.name for c in diagnosed(case).confounders} == {"older links", "scanners"}
    plan = decided(replace(case, incident=replace(case.incident, severity=Severity.MEDIUM)))
    assert (plan.decision, plan.steps) == (Verb.INSUFFICIENT_EVIDENCE, ())
    assert plan.confidence < 0.5


@both
def test_events_of_nothing_but_failures_call_people_at_high_severity(stream: Stream) -> None:
    plan = decided(mail_case(stream, Rows(type=stream.failed, n=60, users=60)))
    assert (plan.decision, plan.steps) == (Verb.ESCALATE, ())
    assert any("neither mail nor link" in gap for gap in plan.missing_evidence)


@both
def test_a_case_that_cannot_be_read_proposes_nothing_and_says_so(stream: Stream) -> None:
    full = mail_case(stream, *lost(stream, 80))
    case = Case.of(
        full.incident, full.findings, now=full.now, logins=None, known_users=None, known_addresses=None,
        watermark=None, site=SITE,
    )  # fmt: skip
    plan = decided(case)
    assert plan.steps == ()
    assert any("could not be read" in gap for gap in plan.missing_evidence)


@both
def test_an_incident_of_everybody_is_answered_for_everybody_by_two_people(stream: Stream) -> None:
    case = mail_case(stream, *lost(stream, 80), *went_well(stream, 20), subject="everywhere")
    plan = decided(case)
    assert plan.decision is Verb.MITIGATE
    assert {s.action_key: s.gate for s in plan.steps}["email.failover"] is Gate.TWO_PERSON
    assert "many tenants" in catalogue()[stream.kind].messages.admin(case.incident, plan)


@both
def test_what_was_tried_is_not_proposed_again(stream: Stream) -> None:
    rows = (*lost(stream, 80), *went_well(stream, 20))
    assert list(proposed(mail_case(stream, *rows, tried=["email.failover"]))) == ["email.retry_queue"]
    assert proposed(mail_case(stream, *rows, tried=BY_MAIL)) == {}


@pytest.mark.parametrize(("stream", "minutes"), [(RESET, 30), (VERIFICATION, 60)], ids=["reset", "verification"])
def test_recovered_means_that_mails_arrive_and_as_many_as_usual_get_done(stream: Stream, minutes: int) -> None:
    usual = Usual(per_hour={stream.sent.value: 100, stream.completed.value: 80})
    case = mail_case(stream, *lost(stream, 80), *went_well(stream, 20), usual=usual)
    wanted = catalogue()[stream.kind].criteria(case, diagnosed(case), VerifySettings())
    assert wanted.hold == timedelta(minutes=minutes)
    assert {one.name: (one.least, one.most) for one in wanted.shares} == {
        "mails that arrive": (0.97, None),
        f"{stream.noun} that are completed": (0.72, None),
        "mails that bounce": (None, 0.05),
        "mails complained of": (None, 0.001),
    }


@both
def test_nothing_is_asked_of_recovery_that_no_event_tells(stream: Stream) -> None:
    case = mail_case(stream, Rows(type=stream.failed, n=60, users=60))
    assert catalogue()[stream.kind].criteria(case, diagnosed(case), VerifySettings()).shares == ()


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_it_asks_what_serves_its_kind(stream: Stream) -> None:
    asked = catalogue()[stream.kind].asks
    assert set(asked) <= {key for key, one in diagnostics().items() if stream.kind in one.spec.serves}
    assert {"mail_dns", "smtp_starttls", "tls_expiry"} <= set(asked)


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True, allow_infinity=True), st.text(max_size=8),
    st.lists(st.integers(), max_size=2),
)  # fmt: skip
LOCKS = ("user.lock_temp", "password.force_reset", "session.revoke_user", "session.revoke_scope")


@st.composite
def frames(draw: st.DrawFn) -> Case:
    """Cases of either stream with any events and any attributes."""
    stream = draw(st.sampled_from(STREAMS))
    said = st.fixed_dictionaries(
        {},
        optional={
            "link_problem": st.sampled_from(["wrong_key", "expired", "superseded", "foreign_tenant"]) | anything,
            "smtp_status": st.sampled_from(["421", "5.7.26", "550 5.1.1"]) | anything,
            "delivery_state": st.sampled_from(["deferred", "bounced", "complained"]) | anything,
            "recipient_domain": st.sampled_from(["a.example", "b.example"]) | anything,
            "disposable_domain": anything, "invalid_user": anything, "scanner": anything,
            "delivery_seconds": anything, "link_age_seconds": anything, "clock_skew_seconds": anything,
            "bounce": anything,
        },
    )  # fmt: skip
    kinds = [T(name) for name in stream.roles]
    rows = draw(
        st.lists(
            st.builds(
                Rows, type=st.sampled_from(kinds), n=st.integers(1, 40), users=st.integers(1, 40),
                ip=st.sampled_from([None, "192.0.2.1"]), attributes=said,
            ),
            max_size=6,
        )
    )  # fmt: skip
    tried = draw(st.sets(st.sampled_from(["email.failover", "rate_limit.strict", "captcha.require"])))
    site = draw(st.sampled_from([None, SITE]))
    answers = draw(st.sampled_from([(), (DKIM_GONE,), (answer("mail_dns"), answer("clock_skew", database=State.BAD))]))
    subject = draw(st.sampled_from(["tenant", "everywhere"]))
    severity = draw(st.sampled_from(Severity))
    case = mail_case(stream, *rows, tried=tried, site=site, answers=answers, subject=subject, severity=severity)
    return replace(case, along=pd.DataFrame()) if draw(st.booleans()) else case


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(frames())
def test_no_frame_breaks_it_no_link_fault_fails_over_and_nobody_is_locked(case: Case) -> None:
    book = catalogue()[case.incident.kind]
    found, plan = diagnosed(case), decided(case)
    keys = [rung.action_key for rung in book.propose(case, found)]
    assert keys == [key for key in book.ladder if key in keys]
    assert not set(LOCKS) & set(keys)
    assert not set(keys) & case.tried
    if found.attack_class.startswith("token fault"):
        assert "email.failover" not in keys
    assert all(isinstance(value, float) for value in found.numbers.values())
    assert 0 <= found.confirmation <= 1
    assert all("bounds" not in {g.name for g in s.guard_results if g.passed is not True} for s in plan.denied)
