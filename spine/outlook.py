"""What people ask of a plan at once: whom does it concern, how far does it reach, and what happens next."""

from spine.plan import PEOPLE_ONLY, Decision, Gate, Step
from spine.span import span

UNCOUNTED = "unknown"


def impact(decision: Decision) -> str:
    """How many attempts belong to the incident, and their share of all that can be told apart."""
    steps = (*decision.steps, *decision.denied)
    radius = next((s.blast_radius for s in steps if s.blast_radius is not None), None)
    if radius is None:
        return UNCOUNTED
    whole = radius.attack_events + radius.legitimate_events
    share = radius.attack_events / whole if whole else 0.0
    what = "hostile attempts" if radius.trouble == "attack" else f"failed {radius.noun}"
    return f"{radius.attack_events} {what}/{share:.0%} of all"


def following(decision: Decision, answered: bool | None = None) -> str:
    """What happens next, and until when. `answered`: what people said to the steps that wait for them; None = nothing
    yet."""
    waiting = gated(decision)
    if answered is False:
        return "a person looks at it: what was asked for was not approved"
    if waiting and answered is None:
        return f"{max(s.gate for s in waiting).label} before {decision.expires_at:%H:%M}Z"
    if decision.verify is not None:
        return f"verification within {span(decision.verify.deadline + decision.verify.hold)}"
    return "a person looks at it"


def reach(step: Step) -> str:
    """How many of the attacking addresses the step's targets hold, and for how many there was no place; "" = n/a."""
    found = step.coverage
    if found is None:
        return ""
    missed = f"; {found.left_out} found no place" if found.left_out else ""
    return f"{found.covered} of {found.covered + found.left_out} attacking addresses{missed}"


def way_back(decision: Decision) -> str:
    """When what the plan does is undone, by whom, and what never is: sentences."""
    rollback = decision.rollback_plan
    kept = [s.action_key for s in decision.steps if s.stop_if == PEOPLE_ONLY]
    lost = rollback.irreversible if rollback else ()
    found = []
    if rollback and rollback.deadline:
        what = "Everything else" if kept or lost else "Everything"
        found.append(f"{what} is undone at the latest by {rollback.deadline:%H:%M}Z.")
    if kept:
        found.insert(0, f"{', '.join(kept)}: undone by people alone.")
    if lost:
        found.insert(0, f"{', '.join(lost)}: cannot be undone.")
    return " ".join(found) or "There is nothing to be undone."


def gated(decision: Decision) -> tuple[Step, ...]:
    """The steps that wait for somebody."""
    return tuple(s for s in decision.steps if s.gate is not Gate.ALLOW)
