"""Drills of email_verification_failures. Source: RUNBOOKS 2.8, Drill."""

from typing import Any

from runbooks.drills.mail import (
    DISBELIEVED,
    KEY_REMOVED,
    SITE,
    goes_on,
    ignored,
    mails,
    missed,
    past,
    refused,
    trouble,
    well,
)
from runbooks.mail.stream import VERIFICATION
from spine.drill import Drill, Expected, RawEvent, Stage, spread
from spine.plan import Gate, Verb
from spine.severity import Severity

_THROWN: dict[str, Any] = {
    "recipient_domain": "throw.example", "disposable_domain": True, "user_agent": "python-requests/2.32",
}  # fmt: skip
_NO_SUCH = {"delivery_state": "bounced", "smtp_status": "550 5.1.1", "bounce": "hard", "disposable_domain": True}
_GONE = trouble(VERIFICATION, missed(**DISBELIEVED))
_GOES_ON = goes_on(VERIFICATION, missed(**DISBELIEVED))


def _ignored_wave(stage: Stage) -> list[RawEvent]:
    """Bots sign up with throw-away addresses and open nothing; beside them people, some of whom ignore their mail."""
    since = stage.ago(minutes=30)
    return [
        *past(stage, VERIFICATION),
        *mails(VERIFICATION, spread(200, since, stage.end), ignored, of="bot", **_THROWN),
        *mails(VERIFICATION, spread(20, since, stage.end), ignored, of="idle"),
        *mails(VERIFICATION, spread(40, since, stage.end), well),
    ]


DRILLS = (
    Drill(
        name="dkim_removed",
        title="the DKIM key of the mail service is gone; the second one signs with another, and takes over",
        script=_GONE,
        traffic=_GOES_ON,
        site=SITE,
        answers={"mail_dns": KEY_REMOVED},
        expected=Expected(
            severity=Severity.HIGH,
            steps={"email.failover": Gate.APPROVE, "email.retry_queue": Gate.APPROVE},
            flags={"auth.email.provider": "secondary"},
        ),
    ),
    Drill(
        name="no_second_service",
        title="the same, but no second service was shown to align: nothing is failed over",
        script=_GONE,
        traffic=_GOES_ON,
        site=SITE | {"email_secondary_ready": False},
        answers={"mail_dns": KEY_REMOVED},
        expected=Expected(
            severity=Severity.HIGH, steps={}, verb=Verb.ESCALATE, verdict=None,
            denied=frozenset({"email.failover", "email.retry_queue"}),
        ),
    ),
    Drill(
        name="key_mismatch",
        title="links are signed with another key than they are checked with: no mail service is touched",
        script=trouble(VERIFICATION, refused("wrong_key")),
        traffic=goes_on(VERIFICATION, refused("wrong_key")),
        site=SITE,
        expected=Expected(severity=Severity.HIGH, steps={}, verb=Verb.ESCALATE, verdict=None),
    ),
    Drill(
        name="throw_away_bounces",
        title="bots sign up with throw-away addresses that bounce: a captcha at sign-up, no failover",
        script=trouble(VERIFICATION, missed(**_NO_SUCH), **_THROWN),
        traffic=goes_on(VERIFICATION, missed(**_NO_SUCH), **_THROWN),
        site=SITE | {"captcha_provider": "drill", "captcha_accessible": True},
        expected=Expected(
            severity=Severity.HIGH,
            steps={"captcha.require": Gate.APPROVE},
            flags={"auth.captcha.required": True},
        ),
    ),
    Drill(
        name="throw_away_wave",
        title="bots sign up with throw-away addresses and open nothing, beside people who ignore their mail",
        script=_ignored_wave,
        expected=None,
    ),
)  # fmt: skip
