"""PASSWORD_RESET_FAILURES: failed mails and links of password resets, of one tenant and everywhere."""

from spine.detect.fault.family import RESETS
from spine.detect.fault.shares import pair

DETECTORS = pair("password_reset_failures", RESETS, lambda settings: settings.resets)
