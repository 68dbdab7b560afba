"""EMAIL_VERIFICATION_FAILURES: failed mails and links of address verifications, of one tenant and everywhere."""

from spine.detect.fault import mail_everywhere
from spine.detect.fault.family import VERIFICATIONS
from spine.detect.fault.shares import pair

DETECTORS = (
    *pair("email_verification_failures", VERIFICATIONS, lambda settings: settings.verifications),
    mail_everywhere.detector(
        "email_verification_failures_with_other_mails", VERIFICATIONS, lambda settings: settings.verifications
    ),
)
