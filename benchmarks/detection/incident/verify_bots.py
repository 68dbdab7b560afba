"""Bots sign up with made-up mail addresses."""

from benchmarks.detection.incident._mail_abuse import MailAbuse
from benchmarks.detection.unit import Unit

_ABUSE = MailAbuse(
    type="EMAIL_VERIFICATION_FAILURES",
    subtype="verify_bots",
    asked="email_verification_sent",
    failed="email_verification_failed",
    full=16,
    events=(40, 400),
    minutes=(30, 180),
)
UNIT = Unit(name="verify_bots", about="sign-ups with made-up mail addresses", emit=_ABUSE.emit)
