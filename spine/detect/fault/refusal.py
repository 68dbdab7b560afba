"""Refused tokens without those that were refused as they should be: expired, forged, revoked, of made-up keys."""

from dataclasses import replace

import numpy as np

from spine.detect.entity.fact import facts
from spine.detect.fault.cell import Cells
from spine.detect.fault.family import TOKENS
from spine.detect.scene import Scene

NAME = "tokens_refused_rightly"


def faulty(scene: Scene) -> Cells:
    """The counts of tokens, their failures no more than the hour has that are somebody's fault.

    Tenants whose events do not say why a token was refused keep all of them. Source: RUNBOOKS 2.4, Not.
    """
    seen = scene.faults(TOKENS)
    right = {row.tenant_id: float(row.n) for row in facts(scene, NAME)}
    if not right or not len(seen):
        return seen
    left = np.fmax(seen.failures["60m"] - np.array([right.get(str(tenant), 0.0) for tenant in seen.tenant]), 0)
    return replace(seen, failures={window: np.fmin(counts, left) for window, counts in seen.failures.items()})
