"""Names under which the orchestrator knows our flows: whoever starts one needs no more."""

from spine.incident import IncidentKind

DEPLOYMENT = "respond"
"""Every runbook's flow is deployed under this name: "failed_logins_spike/respond"."""
OBEY = "obey/now"
"""Carries out one command."""
REPORT = "report/now"
"""Makes the report of one incident."""
RANK = "rank/now"
"""Scores the incidents that opened, where a model is in use."""


def flow_name(kind: IncidentKind) -> str:
    """The flow of a kind of incident; it equals the name of the runbook's file."""
    return kind.value.lower()


def deployment_of(kind: IncidentKind) -> str:
    """The deployment that responds to incidents of this kind."""
    return f"{flow_name(kind)}/{DEPLOYMENT}"
