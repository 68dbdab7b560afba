"""The lines people read first. Source of the templates: RUNBOOKS 0."""

from spine.incident import Incident
from spine.plan import Decision, Gate, Step


def slack_line(incident: Incident, decision: Decision) -> str:
    """One line: how bad, what, whom it hits, what speaks for it, what is done, what comes next."""
    actions = ", ".join(s.action_key for s in decision.steps) or "none"
    held = [s.ttl for s in decision.steps if s.ttl is not None]
    hashes = ", ".join(e.sha256[:8] for e in decision.evidence[:3])
    return (
        f"[{incident.severity.label}] {incident.kind.value} {incident.tenant_id} "
        f"since {incident.first_event_at:%Y-%m-%d %H:%M}Z. "
        f"Impact {impact(decision)}. "
        f"Evidence {len(decision.evidence)} receipts, {hashes or 'none'}. "
        f"Action {actions}, TTL {max(held) if held else 'none'}. "
        f"Next {following(decision)}."
    )


def impact(decision: Decision) -> str:
    """How many attempts belong to the attack, and their share of all that can be told apart."""
    radius = next((s.blast_radius for s in (*decision.steps, *decision.denied) if s.blast_radius is not None), None)
    if radius is None:
        return "unknown"
    whole = radius.attack_events + radius.legitimate_events
    share = radius.attack_events / whole if whole else 0.0
    return f"{radius.attack_events} hostile attempts/{share:.0%}"


def following(decision: Decision) -> str:
    """What happens next, and until when."""
    waiting = gated(decision)
    if waiting:
        return f"{max(s.gate for s in waiting).label} needed before {decision.expires_at:%H:%M}Z"
    if decision.verify is not None:
        return f"verification within {decision.verify.deadline + decision.verify.hold}"
    return "a person looks at it"


def gated(decision: Decision) -> tuple[Step, ...]:
    """The steps that wait for somebody."""
    return tuple(s for s in decision.steps if s.gate is not Gate.ALLOW)
