"""An administrator's password is guessed: failures, then a login from the same unknown address."""

from benchmarks.detection.incident._intruder import Intruder

UNIT = Intruder("admin_after_fail", full=10, local_hours=(0, 24), foreign=0.5, guesses=True).unit(
    "administrator logs in after 4 to 24 failures from the same unknown address"
)
