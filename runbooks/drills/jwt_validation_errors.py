"""Drills of jwt_validation_errors. Source: RUNBOOKS 2.4, Drill."""

from datetime import datetime, timedelta

from spine.diagnostic import Answer, Check, State
from spine.drill import Drill, Expected, RawEvent, Stage, happened, spread
from spine.event_type import EventType
from spine.plan import Gate, Verb
from spine.severity import Severity

T = EventType
_ISSUER, _PROVIDER = "https://id.example.com", "main"
_SECOND = timedelta(seconds=1)
_PEOPLE = 60
_SOUND = {
    "alg": "RS256",
    "alg_allowed": True,
    "kid_trusted": True,
    "binding_ok": True,
    "iss": _ISSUER,
    "service": "api",
}


def _fields(k: int) -> dict[str, str]:
    return {"user_id": f"user{k % _PEOPLE}", "ip": f"192.0.2.{k % _PEOPLE + 1}"}


def _accepted(since: datetime, until: datetime, n: int, kid: str) -> list[RawEvent]:
    times = enumerate(spread(n, since, until))
    return [happened(T.JWT_ACCEPTED, at, kid=kid, **_fields(7 * k), **_SOUND) for k, at in times]


def _refused(since: datetime, until: datetime, n: int, kid: str) -> list[RawEvent]:
    said = {"kid": kid, "reject_reason": "unknown_kid", "iss": _ISSUER, "service": "api", "alg": "RS256"}
    return [happened(T.JWT_VALIDATION_ERROR, at, **_fields(k), **said) for k, at in enumerate(spread(n, since, until))]


def _past(stage: Stage) -> list[RawEvent]:
    """Three days of tokens that check, and a last hour of them."""
    return [
        *_accepted(stage.ago(days=3), stage.ago(hours=2), 1_440, "K1"),
        *_accepted(stage.ago(hours=1), stage.ago(minutes=12), 120, "K1"),
    ]


def _rotation(stage: Stage) -> list[RawEvent]:
    """The issuer signs with K2; the verifiers hold K1, so that a third of the tokens are refused."""
    since = stage.ago(minutes=12)
    rotated = happened(T.SIGNING_KEY_ROTATED, since, kid="K2", iss=_ISSUER)
    return [
        *_past(stage),
        rotated,
        *_accepted(since, stage.end, 240, "K1"),
        *_refused(since, stage.end, 120, "K2"),
    ]


def _dropping(stage: Stage) -> list[RawEvent]:
    """The issuer dropped K1 before its tokens had ended: a third of them are still around."""
    since = stage.ago(minutes=12)
    return [*_past(stage), *_accepted(since, stage.end, 240, "K2"), *_refused(since, stage.end, 120, "K1")]


def _goes_on(stage: Stage, since: datetime, until: datetime, mitigated: bool) -> list[RawEvent]:
    """A refusal a second, until the key is known again; then every token is accepted."""
    n = max(1, round((until - since) / _SECOND))
    failing = [] if mitigated else _refused(since, until, n, "K2")
    return [*_accepted(since, until, 6 * n, "K2"), *failing]


def _after_dropping(stage: Stage, since: datetime, until: datetime, mitigated: bool) -> list[RawEvent]:
    """A token of K1 a second among others: refused, until the key is accepted again."""
    n = max(1, round((until - since) / _SECOND))
    late = _accepted(since, until, n, "K1") if mitigated else _refused(since, until, n, "K1")
    return [*_accepted(since, until, 6 * n, "K2"), *late]


def _no_algorithm(stage: Stage) -> list[RawEvent]:
    """One token without a signature gets in at the billing service."""
    forged = {"alg": "none", "alg_allowed": False, "iss": _ISSUER, "service": "billing"}
    at = stage.ago(minutes=1)
    return [
        *_past(stage),
        *_accepted(stage.ago(minutes=12), stage.end, 60, "K1"),
        happened(T.JWT_ACCEPTED, at, user_id="user1", ip="203.0.113.9", **forged),
    ]


def _day(stage: Stage, since: datetime, until: datetime, mitigated: bool) -> list[RawEvent]:
    """Nothing but good tokens."""
    return _accepted(since, until, max(1, round((until - since) / _SECOND)), "K1")


def _fuzzing(stage: Stage) -> list[RawEvent]:
    """Somebody on two addresses tries made-up keys, and is refused two hundred times."""
    chance = stage.random()
    tries = [
        happened(
            T.JWT_VALIDATION_ERROR, at, user_id=f"nobody{k % 2}", ip=f"203.0.113.{k % 2 + 1}", alg="RS256",
            kid=f"{chance.getrandbits(64):016x}", reject_reason="unknown_kid", iss=_ISSUER, service="api",
        )
        for k, at in enumerate(spread(200, stage.ago(minutes=12), stage.end))
    ]  # fmt: skip
    return [*_past(stage), *_accepted(stage.ago(minutes=12), stage.end, 60, "K1"), *tries]


def _compared(check: str, kid: str, because: str) -> Answer:
    return Answer("jwks_comparison", (Check(f"{_PROVIDER}.{check}", State.BAD, because, {"kids": (kid,)}),))


_DISCOVERY = Answer("oidc_discovery", (Check(f"{_PROVIDER}.issuer", State.OK, "the same", {"configured": _ISSUER}),))

DRILLS = (
    Drill(
        name="rotation",
        title="the issuer signs with a new key that verifiers have not read; they read its key set again",
        script=_rotation,
        traffic=_goes_on,
        issuers={_PROVIDER: _ISSUER},
        answers={
            "jwks_comparison": _compared("rejected.uncached", "K2", "the origin has it, a verifier does not"),
            "oidc_discovery": _DISCOVERY,
        },
        expected=Expected(
            severity=Severity.HIGH,
            steps={"evidence.snapshot": Gate.ALLOW, "jwks.refresh": Gate.ALLOW},
            flags={"auth.jwt.jwksRefresh": True},
        ),
    ),
    Drill(
        name="early_removal",
        title="a key was dropped while its tokens live; it is accepted again for a while",
        script=_dropping,
        traffic=_after_dropping,
        issuers={_PROVIDER: _ISSUER},
        site={"former_kids": ["K1"]},
        answers={
            "jwks_comparison": _compared("rejected.dropped", "K1", "the origin dropped it, and tokens of it live"),
            "oidc_discovery": _DISCOVERY,
        },
        expected=Expected(
            severity=Severity.HIGH,
            steps={"evidence.snapshot": Gate.ALLOW, "jwt.kid_overlap": Gate.APPROVE},
            flags={"auth.jwt.acceptKid": True},
        ),
    ),
    Drill(
        name="no_algorithm",
        title="one token without an algorithm is accepted: a fact that no flag mends, so people are called",
        script=_no_algorithm,
        traffic=_day,
        expected=Expected(
            severity=Severity.CRITICAL, verb=Verb.ESCALATE, steps={"evidence.snapshot": Gate.ALLOW}, verdict=None
        ),
    ),
    Drill(
        name="made_up_keys", title="two addresses try two hundred made-up keys", script=_fuzzing, expected=None
    ),
)  # fmt: skip
