"""Feature flags: what a definition may be, what leases put on top of it, and what an application reads.

A flag is a *base* definition that people edit (versioned, compare-and-set) and *holds* that leases put on
top. A hold never edits the base: when it ends, the flag is at its exact prior version.
"""

from spine.flag.catalogue import CATALOGUE, KnownFlag
from spine.flag.controller import FlagController, FlagVersion, MemoryFlags
from spine.flag.definition import Definition, boolean_flag, parse_definition
from spine.flag.evaluate import Evaluation, Failure, FlagSet
from spine.flag.hold import Hold, compose, live

__all__ = [
    "CATALOGUE",
    "Definition",
    "Evaluation",
    "Failure",
    "FlagController",
    "FlagSet",
    "FlagVersion",
    "Hold",
    "KnownFlag",
    "MemoryFlags",
    "boolean_flag",
    "compose",
    "live",
    "parse_definition",
]
