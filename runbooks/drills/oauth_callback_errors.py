"""Drills of oauth_callback_errors. Source: RUNBOOKS 2.3, Drill."""

from datetime import datetime, timedelta

from spine.diagnostic import Answer, Check, State
from spine.drill import Drill, Expected, RawEvent, Stage, happened, spread
from spine.event_type import EventType
from spine.plan import Gate
from spine.severity import Severity

T = EventType
_PROVIDER, _OTHER = "google", "okta"
_SECOND = timedelta(seconds=1)
_PEOPLE = 60


def _fields(k: int) -> dict[str, str]:
    return {"user_id": f"user{k % _PEOPLE}", "ip": f"192.0.2.{k % _PEOPLE + 1}"}


def _passwords(since: datetime, until: datetime, n: int) -> list[RawEvent]:
    """Everybody has a password, and most use it."""
    times = enumerate(spread(n, since, until))
    return [happened(T.LOGIN_SUCCEEDED, at, provider="password", **_fields(7 * k)) for k, at in times]


def _round_trips(since: datetime, until: datetime, n: int, provider: str = _PROVIDER) -> list[RawEvent]:
    """Callbacks that work, each with its login."""
    times = [(k, at) for k, at in enumerate(spread(n, since, until))]
    return [happened(kind, at, provider=provider, **_fields(k)) for k, at in times
            for kind in (T.OAUTH_CALLBACK_OK, T.LOGIN_SUCCEEDED)]  # fmt: skip


def _errors(since: datetime, until: datetime, n: int, **said: object) -> list[RawEvent]:
    times = enumerate(spread(n, since, until))
    return [happened(T.OAUTH_CALLBACK_ERROR, at, provider=_PROVIDER, **_fields(k), **said) for k, at in times]


def _past(stage: Stage) -> list[RawEvent]:
    """Three days in which everybody got in by password and by both providers."""
    since, until = stage.ago(days=3), stage.ago(hours=2)
    return [
        *_passwords(since, until, 1_440),
        *_round_trips(since, until, 360),
        *_round_trips(since, until, 180, _OTHER),
    ]


_MISMATCH = {
    "oauth_error": "redirect_uri_mismatch", "error_class": "configuration", "http_status": 400, "stage": "callback",
}  # fmt: skip
_DOWN = {"http_status": 503, "stage": "exchange", "oauth_error": "server_error"}


def _mismatch(stage: Stage) -> list[RawEvent]:
    """Thirty of forty callbacks fail, of a provider that three of ten sign-ins take."""
    since = stage.ago(minutes=12)
    return [
        *_past(stage),
        *_passwords(since, stage.end, 93),
        *_round_trips(since, stage.end, 10),
        *_errors(since, stage.end, 30, **_MISMATCH),
    ]


def _after_mismatch(stage: Stage, since: datetime, until: datetime, mitigated: bool) -> list[RawEvent]:
    """A failure a second, until the former configuration is back; then everybody gets in."""
    n = max(1, round((until - since) / _SECOND))
    failing = [] if mitigated else _errors(since, until, n, **_MISMATCH)
    return [*_passwords(since, until, 4 * n), *_round_trips(since, until, 2 * n), *failing]


def _outage(stage: Stage) -> list[RawEvent]:
    """The provider answers 503 to everybody; the other one, and passwords, work."""
    since = stage.ago(minutes=12)
    return [
        *_past(stage),
        *_passwords(since, stage.end, 60),
        *_round_trips(since, stage.end, 40, _OTHER),
        *_errors(since, stage.end, 60, **_DOWN),
    ]


def _after_outage(stage: Stage, since: datetime, until: datetime, mitigated: bool) -> list[RawEvent]:
    """Whoever no longer sees the provider takes the password."""
    n = max(1, round((until - since) / _SECOND))
    failing = [] if mitigated else _errors(since, until, n, **_DOWN)
    return [*_passwords(since, until, 5 * n), *_round_trips(since, until, n, _OTHER), *failing]


def _bypass(stage: Stage) -> list[RawEvent]:
    """One sign-in comes back with another state than was sent, and is let in."""
    since = stage.ago(minutes=12)
    at = stage.ago(minutes=1)
    return [
        *_past(stage),
        *_passwords(since, stage.end, 60),
        *_round_trips(since, stage.end, 10),
        happened(T.OAUTH_CALLBACK_OK, at, provider=_PROVIDER, state_ok=False, **_fields(1)),
    ]


def _after_bypass(stage: Stage, since: datetime, until: datetime, mitigated: bool) -> list[RawEvent]:
    """Whoever is refused at the provider takes the password."""
    n = max(1, round((until - since) / _SECOND))
    return [*_passwords(since, until, 5 * n), *([] if mitigated else _round_trips(since, until, n))]


def _refused(stage: Stage) -> list[RawEvent]:
    """Forty people say no, beside others who get in."""
    since = stage.ago(minutes=12)
    said = {"oauth_error": "access_denied", "error_class": "user", "stage": "callback"}
    return [
        *_past(stage),
        *_passwords(since, stage.end, 60),
        *_round_trips(since, stage.end, 10),
        *_errors(since, stage.end, 40, **said),
    ]


DRILLS = (
    Drill(
        name="redirect_mismatch",
        title="three of four callbacks name an unregistered redirect URI; back to the known good configuration",
        script=_mismatch,
        traffic=_after_mismatch,
        site={"oauth_known_good": {_PROVIDER: "drill-v1"}},
        answers={
            "redirect_uri": Answer(
                "redirect_uri", (Check(f"{_PROVIDER}.sent_hashes", State.BAD, "a hash is of no registered URI"),)
            )
        },
        expected=Expected(
            severity=Severity.HIGH,
            steps={"evidence.snapshot": Gate.APPROVE, "oauth.config_rollback": Gate.APPROVE},
            flags={"auth.oauth.configRollback": True},
        ),
    ),
    Drill(
        name="provider_down",
        title="a provider answers 503; it is hidden, for everybody has another way in",
        script=_outage,
        traffic=_after_outage,
        answers={
            "oidc_discovery": Answer(
                "oidc_discovery", (Check(f"{_PROVIDER}.document", State.BAD, "it answers with status 503"),)
            )
        },
        expected=Expected(
            severity=Severity.HIGH,
            steps={"evidence.snapshot": Gate.ALLOW, "oauth.provider_disable": Gate.APPROVE},
            flags={"auth.oauth.disabled": "hide"},
            spared=frozenset({_OTHER}),
        ),
    ),
    Drill(
        name="bypass",
        title="a sign-in gets in with another state than was sent; nobody may sign in that way until the check holds",
        script=_bypass,
        traffic=_after_bypass,
        expected=Expected(
            severity=Severity.CRITICAL,
            steps={"evidence.snapshot": Gate.ALLOW, "oauth.provider_disable": Gate.APPROVE},
            flags={"auth.oauth.disabled": "block"},
            spared=frozenset({_OTHER}),
        ),
    ),
    Drill(
        name="users_say_no", title="forty people say no at the provider", script=_refused, expected=None
    ),
)  # fmt: skip
