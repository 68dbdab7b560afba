"""SUSPICIOUS_ADMIN_LOGIN: logins that are not like the administrator's others."""

from spine.detect.admin import break_glass, login_surprise

DETECTORS = (login_surprise.DETECTOR, break_glass.DETECTOR)
