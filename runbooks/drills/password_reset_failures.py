"""Drills of password_reset_failures. Source: RUNBOOKS 2.2, Drill."""

from runbooks.drills.mail import (
    DISBELIEVED,
    KEY_REMOVED,
    SERVICE_DOWN,
    SITE,
    goes_on,
    mails,
    missed,
    past,
    refused,
    trouble,
    well,
)
from runbooks.mail.stream import RESET
from spine.drill import Drill, Expected, RawEvent, Stage, happened, spread
from spine.plan import Gate, Verb
from spine.severity import Severity

_REPLACED = Expected(
    severity=Severity.HIGH,
    steps={"email.failover": Gate.APPROVE, "email.retry_queue": Gate.APPROVE},
    flags={"auth.email.provider": "secondary"},
)


def _unknown(stage: Stage, n: int) -> list[RawEvent]:
    """Requests for addresses nobody has: nothing is sent, and nothing of it counts."""
    times = enumerate(spread(n, stage.ago(minutes=12), stage.end))
    return [happened(RESET.asked, at, ip=f"198.51.100.{k + 1}", invalid_user=True) for k, at in times]


def _service_down(stage: Stage) -> list[RawEvent]:
    """421 to eighty of a hundred, and twenty requests for addresses nobody has."""
    return [*trouble(RESET, missed(**SERVICE_DOWN))(stage), *_unknown(stage, 20)]


def _only_looks_so(stage: Stage) -> list[RawEvent]:
    """Addresses nobody has, and a few who open the older of their two mails before the newer one."""
    since = stage.ago(minutes=30)
    return [
        *past(stage, RESET),
        *_unknown(stage, 60),
        *mails(RESET, spread(60, since, stage.end), well),
        *mails(RESET, spread(6, since, stage.end), refused("superseded"), of="hasty"),
    ]


DRILLS = (
    Drill(
        name="service_down",
        title="the mail service answers 421 to 80 of 100 resets; the second one takes over, by approval",
        script=_service_down,
        traffic=goes_on(RESET, missed(**SERVICE_DOWN)),
        site=SITE,
        expected=_REPLACED,
    ),
    Drill(
        name="key_mismatch",
        title="links are signed with another key than they are checked with: no mail service is touched",
        script=trouble(RESET, refused("wrong_key")),
        traffic=goes_on(RESET, refused("wrong_key")),
        site=SITE,
        expected=Expected(severity=Severity.HIGH, steps={}, verb=Verb.ESCALATE, verdict=None),
    ),
    Drill(
        name="dkim_removed",
        title="the DKIM key of the mail service is gone; the second one signs with another, and takes over",
        script=trouble(RESET, missed(**DISBELIEVED)),
        traffic=goes_on(RESET, missed(**DISBELIEVED)),
        site=SITE,
        answers={"mail_dns": KEY_REMOVED},
        expected=_REPLACED,
    ),
    Drill(
        name="nobody_home",
        title="requests for addresses nobody has, and links that a newer mail replaced",
        script=_only_looks_so,
        expected=None,
    ),
)
