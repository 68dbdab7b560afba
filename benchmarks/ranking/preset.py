"""Rough worlds: so much benign trouble that even well tuned detectors open incidents for it.

In an ordinary world nearly everything that opens is real, and there is nothing to rank. The product's own settings
hold here, too: only the world is rougher.
"""

from dataclasses import replace

from benchmarks.detection.preset import PRESETS as ORDINARY
from benchmarks.detection.preset import Preset

_ROUGH = {"lookalike_rate": 12.0, "lookalike_size": 3.0, "benign_failures": 3.0}
PRESETS: dict[str, Preset] = {
    **ORDINARY,
    "tiny-rough": replace(ORDINARY["tiny"], tenants=12, **_ROUGH),
    "small-rough": replace(ORDINARY["small"], **_ROUGH),
}
