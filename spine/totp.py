"""Time-based one-time codes (RFC 6238), good once.

pyotp accepts one code as often as it is shown within its window; so the caller stores the step of the last
accepted code, and only later steps are accepted (RFC 6238, 5.2).
"""

from datetime import datetime

import pyotp
from pyotp.utils import strings_equal

from spine.clock import aware

DIGITS = 6
PERIOD_SECONDS = 30
WINDOW = 1
"""Steps of clock drift forgiven on either side."""


def new_secret() -> str:
    """A fresh shared secret: 160 random bits, base32."""
    return pyotp.random_base32()


def enrolment_uri(secret: str, account: str, issuer: str) -> str:
    """The otpauth URI an authenticator reads from a QR code."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=PERIOD_SECONDS).provisioning_uri(name=account, issuer_name=issuer)


def code_at(secret: str, at: datetime) -> str:
    """The code an authenticator shows at `at`."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=PERIOD_SECONDS).generate_otp(step_at(at))


def step_at(at: datetime) -> int:
    """The number of the time step `at` falls in."""
    return int(aware(at).timestamp()) // PERIOD_SECONDS


def accepted_step(secret: str, code: str, *, at: datetime, last_step: int) -> int | None:
    """The step whose code this is, if it is near `at` and later than `last_step`; None = refused.

    Every candidate is compared in full: the time taken tells neither which matched nor how far.
    """
    typed = code.encode("utf-8", "replace").decode().replace(" ", "").strip()  # half a character is a wrong code
    totp = pyotp.TOTP(secret, digits=DIGITS, interval=PERIOD_SECONDS)
    found: int | None = None
    for step in range(step_at(at) - WINDOW, step_at(at) + WINDOW + 1):
        equal = strings_equal(typed, totp.generate_otp(step))
        if equal and step > last_step:
            found = step
    return found
