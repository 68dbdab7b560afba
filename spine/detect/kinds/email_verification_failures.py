"""EMAIL_VERIFICATION_FAILURES: failed mails and links of address verifications, of one tenant and everywhere."""

from spine.detect.fault.family import VERIFICATIONS
from spine.detect.fault.shares import pair

DETECTORS = pair("email_verification_failures", VERIFICATIONS, lambda settings: settings.verifications)
