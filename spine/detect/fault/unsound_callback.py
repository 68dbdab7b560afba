"""A sign-in by a provider was let in past a check of ours: state, nonce or redirect URI."""

from spine.detect.fault.accepted import accepted, detector
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.incident import IncidentKind

NAME = "unsound_callback_accepted"


def find(scene: Scene) -> list[Finding]:
    """Tenants where somebody got in so: one is enough, and critical. Source: RUNBOOKS 2.3, Sev 3."""
    return accepted(scene, IncidentKind.OAUTH_CALLBACK_ERRORS, NAME)


DETECTOR = detector(NAME, find)
