"""Limits and captchas of another flow than logins: held apart, estimated on their own events, no news for logins."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from spine.case_example import BROWSER
from spine.case_rows import Rows, case_of
from spine.decision.examine import examine
from spine.decision.rules import Rules
from spine.event_type import EventType as T
from spine.incident import IncidentKind
from spine.settings import Settings
from tasks.mitigations import actions

RESETS, VERIFICATION = IncidentKind.PASSWORD_RESET_FAILURES, IncidentKind.EMAIL_VERIFICATION_FAILURES
ABUSE = Rows(type=T.PASSWORD_RESET_REQUESTED, n=120, users=40, ip="203.0.113.9", since=14)
PEOPLE = Rows(type=T.PASSWORD_RESET_REQUESTED, n=40, users=40, first_user=100, ip="192.0.2.7", since=55)


def results(case: Any, key: str, **params: Any) -> dict[str, tuple[bool | None, str]]:
    """What the guards of a step say, under an installation that has everything."""
    policy = {"captcha_provider": "x", "captcha_accessible": True}
    spec = actions()[key].spec
    assert spec.ttl is not None
    found = examine(
        spec, case, Rules.of(Settings(env="prod", policy=policy)), params=params, targets=(), ttl=spec.ttl.default
    )
    return {one.name: (one.passed, one.because) for one in found.results}


def test_a_plan_for_logins_is_told_as_before() -> None:
    limit, captcha = actions()["rate_limit.strict"].spec, actions()["captcha.require"].spec
    assert limit.parse({"per_minute": 6}).model_dump(mode="json") == {"scope": "address", "per_minute": 6, "burst": 6}
    assert captcha.parse({}).model_dump(mode="json") == {"mode": "risk"}
    assert captcha.parse({"flow": "signup"}).model_dump(mode="json") == {"mode": "risk", "flow": "signup"}


@pytest.mark.parametrize(
    ("key", "params", "flag", "flow", "told"),
    [
        ("rate_limit.strict", {"flow": "reset", "per_minute": 2}, "auth.rateLimit.strict", "reset",
         {"resetScope": "address", "resetPerMinute": 2, "resetBurst": 2}),
        ("captcha.require", {"flow": "signup"}, "auth.captcha.required", "signup", {"signupMode": "risk"}),
    ],
)  # fmt: skip
def test_the_flag_is_on_for_its_flow_alone(
    ledger: Any, key: str, params: dict[str, Any], flag: str, flow: str, told: dict[str, Any]
) -> None:
    ledger.apply(ledger.step(key, **params))
    assert ledger.reads(flag).value is False
    assert ledger.reads(flag, flow="login").value is False
    read = ledger.reads(flag, flow=flow)
    assert (read.value, dict(read.metadata)) == (True, told)


def test_a_limit_of_resets_is_held_against_the_requests_of_people() -> None:
    case = case_of(RESETS, ABUSE, PEOPLE)
    assert results(case, "rate_limit.strict", flow="reset", per_minute=1)["legitimate_hit"] == (
        True, "would hit 0 of 40 legitimate requests (0.00%, at most 1%)",
    )  # fmt: skip
    office = replace(PEOPLE, n=15, users=15, since=14.0, until=13.5)
    crowded = results(case_of(RESETS, ABUSE, office), "rate_limit.strict", flow="reset", per_minute=1)
    assert crowded["legitimate_hit"][0] is False
    assert "14 of 15 legitimate requests" in crowded["legitimate_hit"][1]


def test_a_limit_of_resets_is_refused_when_requests_cannot_be_read() -> None:
    seen = case_of(RESETS, ABUSE)
    blind = replace(seen, along=pd.DataFrame())
    assert results(blind, "rate_limit.strict", flow="reset")["legitimate_hit"][0] is None


def test_a_lost_mail_stands_for_its_request_when_a_limit_is_replayed() -> None:
    mails = [Rows(type=t, n=4, since=1, until=0.9) for t in (T.PASSWORD_RESET_UNDELIVERED, T.PASSWORD_RESET_DELIVERED)]
    case = case_of(RESETS, *mails)
    spec = actions()["rate_limit.strict"].spec
    params = spec.parse({"flow": "reset", "scope": "user", "per_minute": 2})
    assert spec.stops(params, (), case.logins).groupby(case.logins["type"]).sum().to_dict() == {
        "password_reset_delivered": 0, "password_reset_undelivered": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("agent", "thrown", "passed"),
    [(BROWSER, False, True), ("python-requests/2.32", False, False), ("python-requests/2.32", True, True)],
    ids=["people", "a client of ours", "bots"],
)
def test_a_captcha_at_sign_up_is_refused_where_people_sign_up_by_programs(
    agent: str, thrown: bool, passed: bool
) -> None:
    case = case_of(
        VERIFICATION,
        Rows(type=T.SIGNUP_SUCCEEDED, n=5, users=5, user_agent=agent, attributes={"disposable_domain": thrown}),
        Rows(type=T.EMAIL_VERIFICATION_COMPLETED, n=5, users=5, user_agent=BROWSER),
    )
    assert results(case, "captcha.require", flow="signup")["no_api_clients"][0] is passed


def test_a_captcha_at_sign_up_is_refused_when_nobody_says_what_they_sign_up_with() -> None:
    case = case_of(VERIFICATION, Rows(type=T.SIGNUP_SUCCEEDED, n=5, users=5))
    assert results(case, "captcha.require", flow="signup")["no_api_clients"][0] is None


def test_what_fails_of_throw_away_addresses_is_what_a_captcha_at_sign_up_would_have_stopped() -> None:
    case = case_of(
        VERIFICATION,
        Rows(type=T.EMAIL_VERIFICATION_UNDELIVERED, n=3, attributes={"disposable_domain": True}),
        Rows(type=T.EMAIL_VERIFICATION_UNDELIVERED, n=2, attributes={"disposable_domain": "yes"}),
        Rows(type=T.EMAIL_VERIFICATION_COMPLETED, n=4, attributes={"disposable_domain": True}),
    )
    spec = actions()["captcha.require"].spec
    assert int(spec.stops(spec.parse({"flow": "signup"}), (), case.logins).sum()) == 3
