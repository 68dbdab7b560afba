"""Drills of failed_logins_spike. Source: RUNBOOKS 2.1, Drill."""

from datetime import datetime, timedelta

from spine.drill import Drill, Expected, RawEvent, Stage, happened, spread
from spine.event_type import EventType
from spine.plan import Gate
from spine.severity import Severity

T = EventType
OFFICE = "198.51.100.7"
"""One address with many people behind it."""
SERVICE = "198.51.100.9"
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
_TOOL = "python-requests/2.32"


def _people(stage: Stage, since: datetime, until: datetime, n: int) -> list[RawEvent]:
    """Normal life: sixty people at home, every third login from the office."""
    rows = []
    for k, at in enumerate(spread(n, since, until)):
        user, ip = (f"clerk{k % 40}", OFFICE) if k % 3 == 0 else (f"user{k % 60}", f"192.0.2.{k % 60 + 1}")
        rows.append(happened(T.LOGIN_SUCCEEDED, at, user_id=user, ip=ip, user_agent=_BROWSER, provider="password"))
    return rows


def _past(stage: Stage) -> list[RawEvent]:
    """Three days in which everybody of `_people` logged in, and then the last hour."""
    return [
        *_people(stage, stage.ago(days=3), stage.ago(hours=2), 1_440),
        *_people(stage, stage.ago(hours=1), stage.end, 360),
    ]


def _tries(stage: Stage, kind: EventType, since: datetime, until: datetime, n: int) -> list[RawEvent]:
    """An attacker on twenty addresses goes through two hundred stolen names, again and again."""
    first = stage.random().randrange(1_000)
    return [
        happened(
            kind, at, user_id=f"victim{first + k % 200}", ip=f"203.0.113.{k % 20 + 1}", user_agent=_TOOL,
            provider="password",
        )
        for k, at in enumerate(spread(n, since, until))
    ]  # fmt: skip


def _stuffing(stage: Stage) -> list[RawEvent]:
    """600 failures on 200 users from 20 addresses, beside an office where a few mistype."""
    slips = [
        happened(T.LOGIN_FAILED, at, user_id=f"clerk{3 * k}", ip=OFFICE, user_agent=_BROWSER, provider="password")
        for k, at in enumerate(spread(8, stage.ago(minutes=50), stage.ago(minutes=5)))
    ]
    return [*_past(stage), *slips, *_tries(stage, T.LOGIN_FAILED, stage.ago(minutes=12), stage.end, 600)]


def _goes_on(stage: Stage, since: datetime, until: datetime, mitigated: bool) -> list[RawEvent]:
    """People log in; the attacker tries once a second, and is stopped where the flags are obeyed."""
    tried = max(1, round((until - since) / timedelta(seconds=1)))
    kind = T.LOGIN_THROTTLED if mitigated else T.LOGIN_FAILED
    return [*_people(stage, since, until, 4 * tried), *_tries(stage, kind, since, until, tried)]


def _stale_password(stage: Stage) -> list[RawEvent]:
    """A service goes on with the password it had before: fifty failures, one user, at home."""
    before = [
        happened(T.LOGIN_SUCCEEDED, at, user_id="svc-report", ip=SERVICE, user_agent=_TOOL, provider="password")
        for at in spread(72, stage.ago(days=3), stage.ago(hours=2))
    ]
    stale = [
        happened(T.LOGIN_FAILED, at, user_id="svc-report", ip=SERVICE, user_agent=_TOOL, provider="password")
        for at in spread(50, stage.ago(minutes=50), stage.end)
    ]
    return [*_past(stage), *before, *stale]


DRILLS = (
    Drill(
        name="stuffing",
        title="stolen passwords tried on 200 users from 20 addresses, beside an office that must stay untouched",
        script=_stuffing,
        traffic=_goes_on,
        site={"captcha_provider": "drill", "captcha_accessible": True},
        expected=Expected(
            severity=Severity.HIGH,
            steps={
                "evidence.snapshot": Gate.ALLOW,
                "rate_limit.strict": Gate.ALLOW,
                "captcha.require": Gate.ALLOW,
                "ip.throttle": Gate.APPROVE,
            },
            flags={
                "auth.rateLimit.strict": True,
                "auth.captcha.required": True,
                "auth.ipThrottle.enabled": True,
            },
            spared=frozenset({OFFICE, SERVICE, "192.0.2.1"}),
        ),
    ),
    Drill(
        name="stale_service_password",
        title="a service that retries an old password fifty times",
        script=_stale_password,
        expected=None,
    ),
)
