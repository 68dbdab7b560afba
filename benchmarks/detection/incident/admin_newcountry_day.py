"""An administrator logs in from a country where he never was, in the middle of his day."""

from benchmarks.detection.incident._intruder import Intruder

UNIT = Intruder("admin_newcountry_day", full=12, local_hours=(8, 18), foreign=1.0, guesses=False).unit(
    "administrator logs in by day, from a new country"
)
