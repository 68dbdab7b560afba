"""Somebody feeds the reset form with guessed accounts."""

from benchmarks.detection.incident._mail_abuse import MailAbuse
from benchmarks.detection.unit import Unit

_ABUSE = MailAbuse(
    type="PASSWORD_RESET_FAILURES",
    subtype="reset_abuse",
    asked="password_reset_requested",
    failed="password_reset_failed",
    full=14,
    events=(40, 400),
    minutes=(20, 180),
)
UNIT = Unit(name="reset_abuse", about="password resets for guessed accounts", emit=_ABUSE.emit)
