"""Every detector fires on its own firing example and is silent on its silent one."""

import pytest

from spine.detect import detect, detectors
from spine.detect.detector import Detector
from spine.detect.scene import Scene
from spine.settings.detect import DetectSettings

SETTINGS = DetectSettings()
by_name = pytest.mark.parametrize("detector", detectors(), ids=lambda d: d.name)


@by_name
def test_a_detector_fires_on_its_firing_example(detector: Detector) -> None:
    found = detector.find(Scene(detector.firing(), SETTINGS))
    assert {f.detector for f in found} == {detector.name}
    assert max(f.margin for f in found) >= 1
    assert detector.name in {f.detector for f in detect(detector.firing(), SETTINGS)}


@by_name
def test_a_detector_is_silent_on_its_silent_example(detector: Detector) -> None:
    found = detector.find(Scene(detector.silent(), SETTINGS))
    assert [f for f in found if f.margin >= 1] == []


def test_detector_names_are_unique() -> None:
    names = [d.name for d in detectors()]
    assert len(names) == len(set(names)) == 37
