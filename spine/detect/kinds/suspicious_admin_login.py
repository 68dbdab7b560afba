"""SUSPICIOUS_ADMIN_LOGIN: logins that are not like the administrator's others, and what gives an intruder away."""

from spine.detect.admin import (
    break_glass,
    change_on_new_device,
    denied_pushes,
    failed_second_factor,
    login_surprise,
    new_identity_provider,
    replaced_admins,
)

DETECTORS = (
    login_surprise.DETECTOR,
    break_glass.DETECTOR,
    failed_second_factor.DETECTOR,
    denied_pushes.DETECTOR,
    change_on_new_device.DETECTOR,
    new_identity_provider.DETECTOR,
    replaced_admins.DETECTOR,
)
