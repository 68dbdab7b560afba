"""JWT_VALIDATION_ERRORS: refused tokens, of one tenant and everywhere."""

from spine.detect.fault import tokens_everywhere, tokens_of_tenant

DETECTORS = (tokens_of_tenant.DETECTOR, tokens_everywhere.DETECTOR)
