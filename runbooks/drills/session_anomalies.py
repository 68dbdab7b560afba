"""Drills of session_anomalies. Source: RUNBOOKS 2.6, Drill."""

from datetime import datetime, timedelta

from spine.drill import Drill, Expected, RawEvent, Stage, happened, spread
from spine.event_type import EventType
from spine.plan import Gate
from spine.severity import Severity

T = EventType
THIEF = "203.0.113.66"
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
_PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/605.1"
_TOOL = "python-requests/2.32"
_VICTIM, _TRAVELLER, _RETRIER = "user7", "user8", "user9"


def _home(user: int) -> str:
    return f"192.0.2.{user + 1}"


def _people(stage: Stage, since: datetime, until: datetime, n: int) -> list[RawEvent]:
    """Normal life: forty people use their sessions at home."""
    return [
        happened(
            T.SESSION_USED, at, user_id=f"user{k % 40}", ip=_home(k % 40), user_agent=_BROWSER, country="DE",
            session_id=f"s{k % 40}",
        )
        for k, at in enumerate(spread(n, since, until))
    ]  # fmt: skip


def _past(stage: Stage) -> list[RawEvent]:
    """Three days in which everybody began a session each morning, and then the last hour."""
    began = [
        happened(
            T.SESSION_CREATED, at, user_id=f"user{k % 40}", ip=_home(k % 40), user_agent=_BROWSER, country="DE",
            session_id=f"s{k % 40}",
        )
        for k, at in enumerate(spread(120, stage.ago(days=3), stage.ago(hours=3)))
    ]  # fmt: skip
    return [*began, *_people(stage, stage.ago(days=2), stage.ago(hours=2), 800),
            *_people(stage, stage.ago(hours=1), stage.end, 400)]  # fmt: skip


def _thief(kind: EventType, since: datetime, until: datetime, n: int) -> list[RawEvent]:
    """The victim's session, in a program elsewhere."""
    return [
        happened(kind, at, user_id=_VICTIM, ip=THIEF, user_agent=_TOOL, country="NL", session_id="s7")
        for at in spread(n, since, until)
    ]


def _replayed(stage: Stage) -> list[RawEvent]:
    """A copied cookie: forty requests of a program while the browser goes on at home."""
    first = 5 + stage.random().random()
    return [*_past(stage), *_thief(T.SESSION_USED, stage.ago(minutes=first), stage.end, 40)]


def _goes_on(stage: Stage, since: datetime, until: datetime, mitigated: bool) -> list[RawEvent]:
    """People go on with their sessions; the program tries the old one, which is refused once it was ended."""
    seconds = max(1, round((until - since) / timedelta(seconds=1)))
    others = [row for row in _people(stage, since, until, 4 * seconds) if row["user_id"] != _VICTIM]
    kind = T.SESSION_REJECTED if mitigated else T.SESSION_USED
    return [*others, *_thief(kind, since, until, seconds)]


def _relay(stage: Stage) -> list[RawEvent]:
    """A relay is switched on: the same session of the same phone, now from another country."""
    own = {"user_id": _TRAVELLER, "user_agent": _PHONE, "session_id": "s-phone"}
    at_home = [
        happened(T.SESSION_USED, at, ip=_home(8), country="DE", **own)
        for at in spread(20, stage.ago(minutes=50), stage.ago(minutes=12))
    ]
    began = [
        happened(T.SESSION_CREATED, stage.ago(minutes=55), ip=_home(8), country="DE", **own),
        happened(
            T.SESSION_CREATED, stage.ago(minutes=10), ip="198.51.100.20", country="US", anonymiser=True,
            **{**own, "session_id": "s-relay"},
        ),
    ]  # fmt: skip
    there = [
        happened(T.SESSION_USED, at, ip="198.51.100.20", country="US", anonymiser=True, **own)
        for at in spread(20, stage.ago(minutes=10), stage.end)
    ]
    return [*_past(stage), *began, *at_home, *there]


def _retry(stage: Stage) -> list[RawEvent]:
    """Two tabs refresh at once, three times in the hour; the loser comes five seconds late."""
    own = {"user_id": _RETRIER, "ip": _home(9), "user_agent": _BROWSER, "country": "DE", "session_id": "s9"}
    rows = []
    for at in spread(3, stage.ago(minutes=50), stage.ago(minutes=5)):
        rows.append(happened(T.SESSION_REFRESHED, at, **own))
        late = at + timedelta(seconds=5)
        rows.append(happened(T.SESSION_REFRESH_FAILED, late, refresh_reused=True, reuse_age_seconds=5, **own))
    return [*_past(stage), *rows]


DRILLS = (
    Drill(
        name="replayed_cookie",
        title="a user's cookie is replayed by python-requests at another address, while the browser goes on at home",
        script=_replayed,
        traffic=_goes_on,
        expected=Expected(
            severity=Severity.HIGH,
            steps={
                "evidence.snapshot": Gate.ALLOW,
                "user.stepup_require": Gate.APPROVE,
                "session.revoke_user": Gate.APPROVE,
                "user.notify": Gate.APPROVE,
            },
            flags={"auth.stepUp.required": True},
            spared=frozenset({"user1", _TRAVELLER, _RETRIER}),
        ),
    ),
    Drill(
        name="relay",
        title="a phone goes on behind a relay, in another country within minutes",
        script=_relay,
        expected=None,
    ),
    Drill(
        name="retry_race",
        title="two tabs refresh at once, and the loser comes five seconds late",
        script=_retry,
        expected=None,
    ),
)
