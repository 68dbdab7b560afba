"""An administrator logs in at night from a country where he never was."""

from benchmarks.detection.incident._intruder import Intruder

UNIT = Intruder("admin_odd_newcountry", full=16, local_hours=(22.5, 29), foreign=1.0, guesses=False).unit(
    "administrator logs in at night, from a new country"
)
