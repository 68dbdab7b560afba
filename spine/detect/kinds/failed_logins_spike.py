"""FAILED_LOGINS_SPIKE: stuffing, spraying and guessing of passwords."""

from spine.detect.login import (
    address_bucket,
    brute_force,
    spray_distributed,
    spray_one_address,
    stuffing_one_address,
    targeted_user,
    tenant_ratio,
    unknown_users,
)

DETECTORS = (
    tenant_ratio.DETECTOR,
    stuffing_one_address.DETECTOR,
    spray_one_address.DETECTOR,
    spray_distributed.DETECTOR,
    targeted_user.DETECTOR,
    unknown_users.DETECTOR,
    address_bucket.DETECTOR,
    brute_force.DETECTOR,
)
