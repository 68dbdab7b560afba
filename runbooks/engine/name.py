"""How runbooks are called in Prefect."""

from spine.incident import IncidentKind

DEPLOYMENT = "respond"
"""Every runbook's flow is deployed under this name: "failed_logins_spike/respond"."""


DRILL = "drill"
"""And every drill's under this one: "failed_logins_spike/drill"."""


def flow_name(kind: IncidentKind) -> str:
    """The flow of a kind of incident; it equals the name of the runbook's file."""
    return kind.value.lower()


def deployment_of(kind: IncidentKind) -> str:
    """The deployment that responds to incidents of this kind."""
    return f"{flow_name(kind)}/{DEPLOYMENT}"


def drill_of(kind: IncidentKind) -> str:
    """The deployment that plays drills of this kind."""
    return f"{flow_name(kind)}/{DRILL}"
