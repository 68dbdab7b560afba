"""Detectors: pure functions from window frames to findings.

One file of `spine.detect.kinds` per kind of incident, found by name; each lists its `DETECTORS`.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import pandas as pd

from spine.detect import kinds, severity
from spine.detect.detector import Detector
from spine.detect.fault.ladder import graver
from spine.detect.frames import Frames
from spine.detect.scene import scenes
from spine.finding import Finding
from spine.settings.detect import DetectSettings

__all__ = ["detect", "detectors"]


@cache
def detectors() -> tuple[Detector, ...]:
    """Every detector there is, in order of the kinds' file names."""
    found: list[Detector] = []
    for module in sorted(iter_modules(kinds.__path__), key=lambda m: m.name):
        found.extend(import_module(f"{kinds.__name__}.{module.name}").DETECTORS)
    return tuple(found)


@pd.option_context("future.infer_string", False)
def detect(frames: Frames, settings: DetectSettings) -> list[Finding]:
    """All findings in `frames`, of all tenants, with their severities. Same input, same findings.

    Names of columns and keys of groups stay plain texts meanwhile: what Arrow makes of them costs small frames a third
    of the tick.
    """
    found: list[Finding] = []
    for scene in scenes(frames, settings):
        seen = [finding for detector in detectors() for finding in detector.find(scene)]
        found.extend(graver(severity.grade(seen, scene), scene))
    return found
