"""JWT_VALIDATION_ERRORS: refused tokens, of one tenant and everywhere, and single ones that should have been."""

from spine.detect.fault import tokens_everywhere, tokens_of_tenant, unsound_token

DETECTORS = (tokens_of_tenant.DETECTOR, tokens_everywhere.DETECTOR, unsound_token.DETECTOR)
