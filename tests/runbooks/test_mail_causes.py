"""Failing mails and links: the cause, by events and diagnostics, never guessed. Source: RUNBOOKS 2.2, 2.8."""

from dataclasses import replace
from typing import Any

import pytest

from runbooks import catalogue
from runbooks.mail.cause import Cause
from runbooks.mail.example import SITE, lost, mail_case, refused, sent, went_well
from runbooks.mail.stream import RESET, VERIFICATION, Stream
from spine.case import Case, Diagnosis
from spine.case_rows import Rows
from spine.diagnostic import Answer, Check, State
from spine.event_type import EventType as T

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


def late(stream: Stream, minutes: float, n: int = 40) -> tuple[Rows, ...]:
    """Mails that arrive so late that their links have expired."""
    people: dict[str, Any] = {"n": n, "users": n, "first_user": 500}
    return (
        Rows(type=stream.sent, **people),
        Rows(type=stream.delivered, attributes={"delivery_seconds": minutes * 60}, **people),
        Rows(type=stream.rejected, attributes={"link_problem": "expired", "link_age_seconds": minutes * 60}, **people),
    )


@both
@pytest.mark.parametrize(
    ("fault", "cause", "actions"),
    [
        (lambda s: lost(s, 80), Cause.SERVICE, BY_MAIL),
        (lambda s: lost(s, 80, smtp_status=None), Cause.SERVICE, BY_MAIL),
        (lambda s: lost(s, 80, smtp_status=None, delivery_state="dropped"), Cause.UNDELIVERED, BY_MAIL),
        (lambda s: lost(s, 80, smtp_status="550 5.7.26", delivery_state="bounced"), Cause.DNS, BY_MAIL),
        (lambda s: lost(s, 80, recipient_domain="one.example"), Cause.DOMAIN, []),
        (lambda s: refused(s, 60, "wrong_key"), Cause.KEY, []),
        (lambda s: refused(s, 60, "foreign_tenant"), Cause.KEY, []),
        (lambda s: refused(s, 60, "invalid"), Cause.LINKS, []),
        (lambda s: refused(s, 60, None), Cause.LINKS, []),
        (lambda s: refused(s, 60, "expired"), Cause.LINKS, []),
        (lambda s: refused(s, 60, "expired", clock_skew_seconds=90), Cause.SKEW, []),
        (lambda s: refused(s, 60, "superseded"), Cause.HARMLESS, []),
        (lambda s: refused(s, 60, "used"), Cause.HARMLESS, []),
        (lambda s: refused(s, 60, "invalid", scanner=True), Cause.HARMLESS, []),
        (lambda s: [Rows(type=s.failed, n=60, users=60)], Cause.UNKNOWN, []),
        (lambda s: [Rows(type=s.failed, n=60, users=60, attributes={"smtp_status": "421"})], Cause.SERVICE, BY_MAIL),
        (lambda s: [Rows(type=s.failed, n=60, users=60, attributes={"link_problem": "wrong_key"})], Cause.KEY, []),
    ],
)  # fmt: skip
def test_the_cause_and_what_may_help(stream: Stream, fault: Any, cause: Cause, actions: list[str]) -> None:
    case = mail_case(stream, *fault(stream), *went_well(stream, 20))
    assert diagnosed(case).attack_class == cause.value
    assert list(proposed(case)) == actions


@both
def test_links_at_fault_beside_lost_mails_forbid_a_failover(stream: Stream) -> None:
    case = mail_case(stream, *lost(stream, 80), *refused(stream, 30, "wrong_key", first=200), *went_well(stream, 20))
    assert diagnosed(case).attack_class == Cause.SERVICE.value
    assert proposed(case) == {}
    assert diagnosed(case).beyond


@both
@pytest.mark.parametrize(
    ("states", "helps"),
    [
        ({"dkim__old": State.BAD, "dkim__new": State.OK}, True),
        ({"dkim__old": State.BAD, "dkim__new": State.UNKNOWN}, True),
        ({"dkim__old": State.BAD}, False),
        ({"dkim__old": State.OK, "dmarc": State.BAD}, False),
        ({"spf": State.BAD, "dkim__old": State.OK}, True),
    ],
    ids=["one of two keys", "the other is unknown", "the only key", "no policy", "SPF alone"],
)
def test_records_that_are_wrong_are_named_and_a_failover_needs_some_that_are_right(
    stream: Stream, states: dict[str, State], helps: bool
) -> None:
    gone = lost(stream, 80, smtp_status="550 5.7.26", delivery_state="bounced")
    case = mail_case(stream, *gone, *went_well(stream, 20), answers=[answer("mail_dns", **states)])
    found = diagnosed(case)
    assert found.attack_class == Cause.DNS.value
    assert ("email.failover" in proposed(case)) is helps
    assert bool(found.beyond) is not helps
    wrong = next(name for name, state in states.items() if state is State.BAD).replace("__", ".")
    assert wrong in found.confirmed_by
    assert any(wrong in told for h in catalogue()[stream.kind].hypotheses(case, found) for told in h.for_)


@both
def test_records_decide_where_events_leave_it_open_and_never_against_them(stream: Stream) -> None:
    vague = lost(stream, 80, smtp_status=None, delivery_state="bounced")
    assert diagnosed(mail_case(stream, *vague, answers=[DKIM_GONE])).attack_class == Cause.DNS.value
    assert diagnosed(mail_case(stream, *lost(stream, 80), answers=[DKIM_GONE])).attack_class == Cause.SERVICE.value


@both
def test_a_diagnostic_that_agrees_raises_confidence_and_one_that_does_not_lowers_it(stream: Stream) -> None:
    rows = lost(stream, 80, smtp_status="5.7.1", delivery_state="bounced")
    fine = answer("mail_dns", spf=State.OK, dkim__a=State.OK, dmarc=State.OK)
    sure = [diagnosed(mail_case(stream, *rows, answers=a)).confirmation for a in ([DKIM_GONE], [], [fine])]
    assert sure == [1.0, 0.8, 0.4]


@both
def test_late_mail_lets_links_live_longer_but_never_shorter(stream: Stream) -> None:
    case = mail_case(stream, *late(stream, 35), *went_well(stream, 5))
    assert diagnosed(case).attack_class == Cause.LATE.value
    wanted = {"reset": 53, "verification": None}[stream.name]
    assert proposed(case).get("token.ttl_set", {}).get("link_minutes") == wanted
    unknown = replace(case, site=replace(SITE, link_minutes=None))
    assert proposed(unknown)["token.ttl_set"]["link_minutes"] == 53
    very = proposed(replace(mail_case(stream, *late(stream, 2000)), site=None))
    assert very["token.ttl_set"]["link_minutes"] == stream.longest_link_minutes


def test_in_an_outage_an_impatient_office_is_no_abuse() -> None:
    office = Rows(type=T.PASSWORD_RESET_REQUESTED, n=240, users=40, ip="192.0.2.1")
    case = mail_case(RESET, office, *lost(RESET, 40)[1:], *went_well(RESET, 5))
    assert diagnosed(case).numbers["most_requests_for_one_user"] == 6
    assert list(proposed(case)) == BY_MAIL


def test_a_throw_away_domain_is_known_by_its_sign_ups_where_the_mail_does_not_say_it() -> None:
    signups = Rows(
        type=T.SIGNUP_SUCCEEDED, n=5, users=5, first_user=900,
        attributes={"recipient_domain": "throw.example", "disposable_domain": True},
    )  # fmt: skip
    case = mail_case(VERIFICATION, signups, *lost(VERIFICATION, 60, recipient_domain="throw.example"))
    assert diagnosed(case).attack_class == Cause.THROWN.value


@both
def test_dead_addresses_are_no_reason_for_another_service(stream: Stream) -> None:
    case = mail_case(
        stream, *lost(stream, 60, smtp_status="550 5.1.1", delivery_state="bounced"), *went_well(stream, 9)
    )
    assert diagnosed(case).attack_class == Cause.ADDRESSES.value
    assert list(proposed(case)) == ([] if stream is RESET else ["captcha.require"])


def test_addresses_nobody_has_count_for_nothing() -> None:
    unknown = Rows(type=T.PASSWORD_RESET_REQUESTED, n=20, users=20, first_user=300, attributes={"invalid_user": True})
    failed = Rows(type=T.PASSWORD_RESET_FAILED, n=20, users=20, first_user=300, attributes={"invalid_user": True})
    found = diagnosed(mail_case(RESET, *lost(RESET, 80), *went_well(RESET, 20), unknown, failed))
    assert (found.numbers["unknown_addresses"], found.numbers["failures"]) == (20, 80)
    assert found.numbers["delivered_share"] == 0.2


@both
def test_what_was_put_off_and_arrived_is_no_loss_and_lowers_confidence(stream: Stream) -> None:
    grey = lost(stream, 40, smtp_status="450 4.2.0")
    later = Rows(type=stream.delivered, n=40, users=40, since=0.4, until=0.1)
    case = mail_case(stream, *grey, later, *lost(stream, 30, first=200), *went_well(stream, 30))
    found = diagnosed(case)
    assert (found.numbers["lost"], found.numbers["arrived_after_all"]) == (30, 40)
    assert "greylisting" in {c.name for c in found.confounders}


@both
def test_a_report_that_comes_late_does_not_hide_that_the_link_was_opened(stream: Stream) -> None:
    opened = Rows(type=stream.completed, n=40, users=40, since=0.4, until=0.1)
    found = diagnosed(mail_case(stream, *lost(stream, 40), opened))
    assert (found.numbers["lost"], found.numbers["blocked_users"]) == (0, 0)


@both
def test_what_events_do_not_say_is_listed_and_not_guessed(stream: Stream) -> None:
    case = mail_case(stream, Rows(type=stream.undelivered, n=40, users=40), Rows(type=stream.rejected, n=20, users=20))
    told = " ".join(diagnosed(case).missing)
    for name in ("smtp_status", "recipient_domain", stream.sent.value, "link_problem"):
        assert name in told
    assert {"completed_share", "p95_delivery_minutes", "most_lost_to_one_domain"}.isdisjoint(diagnosed(case).numbers)


@both
def test_the_part_of_the_hour_before_tells_what_is_usual_where_no_profile_does(stream: Stream) -> None:
    before = [
        Rows(type=kind, n=n, users=40, first_user=700, since=55, until=20)
        for kind, n in ((stream.sent, 40), (stream.completed, 30))
    ]
    case = mail_case(stream, *before, *lost(stream, 80))
    assert diagnosed(case).numbers["usual_completed_share"] == 0.75
    assert diagnosed(case).numbers["lost"] == 80


def test_the_cohort_that_is_blocked_is_named_and_cannot_write_over_the_page() -> None:
    told = {"cohort": "spring\n\u202esale" + "x" * 90}
    signups = Rows(type=T.SIGNUP_SUCCEEDED, n=30, users=30, attributes=told)
    summary = diagnosed(mail_case(VERIFICATION, signups, *lost(VERIFICATION, 80))).summary
    assert "30 of them of cohort spring sale" in summary
    assert not {"\n", "\u202e"} & set(summary)
    assert len(summary) < 300


@both
def test_other_diagnostics_speak_for_the_links(stream: Stream) -> None:
    answers = [answer("tls_expiry", link__host=State.BAD), answer("clock_skew", clock__database=State.OK)]
    case = mail_case(stream, *refused(stream, 60, "invalid"), answers=answers)
    links = catalogue()[stream.kind].hypotheses(case, diagnosed(case))[2]
    assert "link.host: link__host is bad" in links.for_


@both
def test_the_numbers_the_report_needs(stream: Stream) -> None:
    silent = sent(stream, 7, first=3000)
    n = diagnosed(mail_case(stream, *lost(stream, 80), *went_well(stream, 20), *silent)).numbers
    assert (n["mails_without_a_word"], n["blocked_users"]) == (7, 80)
    assert 13 < n["longest_wait_minutes"] <= 15
    assert ("most_requests_for_one_user" in n) is (stream is RESET)
    assert ("signups" in n) is (stream is VERIFICATION)
