"""A token was accepted that should have been refused: without algorithm, of a strange key, for somebody else."""

from spine.detect.fault.accepted import accepted, detector
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.incident import IncidentKind

NAME = "unsound_token_accepted"


def find(scene: Scene) -> list[Finding]:
    """Tenants where such a token got in: one is enough, and critical. Source: RUNBOOKS 2.4, N = 1 (S5)."""
    return accepted(scene, IncidentKind.JWT_VALIDATION_ERRORS, NAME)


DETECTOR = detector(NAME, find)
