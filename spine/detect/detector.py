"""What a detector is: a name, a pure function, and examples that show when it fires and when it does not."""

from collections.abc import Callable
from dataclasses import dataclass

from spine.detect.frames import Frames
from spine.detect.scene import Scene
from spine.finding import Finding

Find = Callable[[Scene], list[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One way to see one kind of incident."""

    name: str
    """Stable; findings carry it."""
    find: Find
    firing: Callable[[], Frames]
    """Frames in which it fires."""
    silent: Callable[[], Frames]
    """Frames that look alike and in which it must not."""
