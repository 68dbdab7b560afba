"""OAUTH_CALLBACK_ERRORS: callbacks of providers that fail, of one tenant and everywhere, and single ones that should
have."""

from spine.detect.fault import unsound_callback
from spine.detect.fault.family import CALLBACKS
from spine.detect.fault.shares import pair

DETECTORS = (
    *pair("oauth_callback_errors", CALLBACKS, lambda settings: settings.callbacks),
    unsound_callback.DETECTOR,
)
