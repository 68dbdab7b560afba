"""How runbooks are called in Prefect."""

from spine.deployment import DEPLOYMENT, deployment_of, flow_name
from spine.incident import IncidentKind

__all__ = ["DEPLOYMENT", "DRILL", "deployment_of", "drill_of", "flow_name"]

DRILL = "drill"
"""Every drill's flow is deployed under this name: "failed_logins_spike/drill"."""


def drill_of(kind: IncidentKind) -> str:
    """The deployment that plays drills of this kind."""
    return f"{flow_name(kind)}/{DRILL}"
