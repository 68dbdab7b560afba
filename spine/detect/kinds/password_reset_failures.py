"""PASSWORD_RESET_FAILURES: failed mails and links of password resets, of one tenant and everywhere."""

from spine.detect.fault import mail_everywhere
from spine.detect.fault.family import RESETS
from spine.detect.fault.shares import pair

DETECTORS = (
    *pair("password_reset_failures", RESETS, lambda settings: settings.resets),
    mail_everywhere.detector("password_reset_failures_with_other_mails", RESETS, lambda settings: settings.resets),
)
