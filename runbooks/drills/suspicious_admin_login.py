"""Drills of suspicious_admin_login. Source: RUNBOOKS 2.7, Drill."""

from datetime import datetime, timedelta

from spine.drill import Drill, Expected, RawEvent, Stage, happened, spread
from spine.event_type import EventType
from spine.plan import Gate, Verb
from spine.severity import Severity

T = EventType
SUSPECT, OTHER = "drill-admin-1", "drill-admin-2"
"""All administrators a drill's stand-in knows (spine/identity.py): neither may lose the role."""
INTRUDER = "203.0.113.77"
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
_STRANGE = "Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/150.0"
_DESK = {"user_agent": _BROWSER, "country": "DE", "asn": 64500, "factor": "webauthn", "mfa_used": True}
_HOMES = {SUSPECT: "192.0.2.1", OTHER: "192.0.2.2"}


def _work(since: datetime, until: datetime, n: int, kind: EventType = T.ADMIN_LOGIN) -> list[RawEvent]:
    """The two administrators at their desks, in turn."""
    return [
        happened(kind, at, user_id=user, ip=_HOMES[user], **_DESK)
        for k, at in enumerate(spread(n, since, until))
        for user in ((SUSPECT, OTHER)[k % 2],)
    ]


def _past(stage: Stage) -> list[RawEvent]:
    """Forty days of logins at the same time of day, one of each this morning, and some work in the last hour."""
    daily = [
        row for day in range(1, 41) for row in _work(stage.ago(days=day, minutes=9), stage.ago(days=day, minutes=5), 2)
    ]
    today = _work(stage.ago(minutes=59), stage.ago(minutes=50), 2)
    users = [
        happened(T.ADMIN_ACTION, at, user_id=OTHER, ip=_HOMES[OTHER], admin_action="user_changed",
                 target_user_id=f"user{k}", **_DESK)
        for k, at in enumerate(spread(6, stage.ago(minutes=49), stage.ago(minutes=2)))
    ]  # fmt: skip
    return [*daily, *today, *users]


def _intruder(kind: EventType, at: datetime, **more: object) -> RawEvent:
    """The suspect's account, in strange hands: device, country and network are new, the factor is weak."""
    strange = {"user_agent": _STRANGE, "country": "BR", "asn": 64511, "factor": "sms", "device_new": True}
    return happened(kind, at, user_id=SUSPECT, ip=INTRUDER, session_id="strange", **strange, **more)


def _taken_over(stage: Stage) -> list[RawEvent]:
    """A strange login, and eight minutes later an API token."""
    began = 13 + stage.random().random()
    return [
        *_past(stage),
        _intruder(T.ADMIN_LOGIN, stage.ago(minutes=began)),
        _intruder(T.ADMIN_ACTION, stage.ago(minutes=began - 8), admin_action="api_key_created"),
    ]


def _goes_on(stage: Stage, since: datetime, until: datetime, mitigated: bool) -> list[RawEvent]:
    """The other administrator logs in and works; the intruder's changes are refused once they are frozen."""
    seconds = max(1, round((until - since) / timedelta(seconds=1)))
    kind = T.ADMIN_ACTION_DENIED if mitigated else T.ADMIN_ACTION
    other = [
        happened(T.ADMIN_LOGIN, at, user_id=OTHER, ip=_HOMES[OTHER], **_DESK) for at in spread(seconds, since, until)
    ]
    return [*other, *(_intruder(kind, at, admin_action="user_created") for at in spread(seconds, since, until))]


def _odd_hour(stage: Stage) -> list[RawEvent]:
    """The administrator works at night, at the usual desk, by the usual factor, and changes something."""
    days = [
        row
        for day in range(1, 41)
        for row in _work(stage.ago(days=day, hours=9), stage.ago(days=day, hours=8), 2)
    ]  # fmt: skip
    own = {"user_id": SUSPECT, "ip": _HOMES[SUSPECT], **_DESK}
    return [
        *days,
        happened(T.ADMIN_LOGIN, stage.ago(minutes=20), **own),
        happened(T.ADMIN_ACTION, stage.ago(minutes=9), admin_action="api_key_created", **own),
    ]


DRILLS = (
    Drill(
        name="api_token",
        title="an administrator logs in from a new device, country and network by SMS, and makes an API token",
        script=_taken_over,
        traffic=_goes_on,
        expected=Expected(
            severity=Severity.CRITICAL,
            verb=Verb.CONTAIN,
            steps={
                "evidence.snapshot": Gate.ALLOW,
                "user.notify": Gate.ALLOW,
                "user.stepup_require": Gate.APPROVE,
                "session.revoke_user": Gate.APPROVE,
                "admin.freeze": Gate.APPROVE,
            },
            flags={"auth.stepUp.required": True, "admin.privilegedWrites.disabled": True},
            denied=frozenset({"admin.role_revoke"}),
        ),
    ),
    Drill(
        name="odd_hour",
        title="an administrator works at night, from the usual desk and by the usual factor",
        script=_odd_hour,
        expected=None,
    ),
)
