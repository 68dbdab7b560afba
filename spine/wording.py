"""What was seen, what is planned and how far it reaches, each in a line: for messages and for the orchestrator's UI."""

from datetime import timedelta

from spine.detect.subject import is_everybody
from spine.incident import Incident, IncidentKind
from spine.outlook import reach
from spine.plain import clean, cut
from spine.plan import PEOPLE_ONLY, Decision, Step
from spine.span import span

WORD = 200
"""Longest single value from outside that is shown in a line."""


def evidence_lines(incident: Incident, decision: Decision | None) -> tuple[str, ...]:
    """What was seen, worst first, and what it is taken for."""
    summary = incident.summary
    addresses = summary.get("addresses", [])
    lines = [cut(clean(incident.title), WORD)]
    for part in summary.get("ill", [])[:5]:
        lines.append(cut(clean(f"{part['part']}: {part['said']} {part['means']} {part['do']}"), 3 * WORD))
    if addresses:
        more = summary.get("addresses_total", len(addresses)) - len(addresses[:5])
        named = ", ".join(clean(str(address)) for address in addresses[:5])
        lines.append(f"Addresses: {named}{f' and {more} more' if more > 0 else ''}")
    if tenants := summary.get("tenants", []):
        more = summary.get("tenants_total", len(tenants)) - len(tenants[:5])
        named = ", ".join(clean(str(tenant)) for tenant in tenants[:5])
        lines.append(f"Tenants: {named}{f' and {more} more' if more > 0 else ''}")
    if summary.get("users_total"):
        lines.append(_users(incident))
    for detector, seen in list(summary.get("detectors", {}).items())[:5]:
        lines.append(
            f"{clean(detector)}: {seen['n']} events in {span(timedelta(minutes=seen['window_minutes']))}, "
            f"{seen['margin']:.1f} times its threshold"
        )
    if decision is not None:
        cause = decision.hypotheses[0].cause if decision.hypotheses else "unclear"
        lines.append(f"Likely cause: {cut(clean(cause), WORD)} (confidence {decision.confidence:.2f}, uncalibrated)")
        lines += [f"Missing: {cut(clean(gap), WORD)}" for gap in decision.missing_evidence[:3]]
    return tuple(lines)


def whose(incident: Incident) -> str:
    """The incident's tenant, for people; many of them at once have no name."""
    if not is_everybody(incident.subject):
        return clean(incident.tenant_id)
    touched = incident.summary.get("tenants_total", 0)
    return f"all tenants, {touched} touched so far" if touched else "all tenants"


def _users(incident: Incident) -> str:
    users, entered = incident.summary["users_total"], incident.summary.get("compromised_total", 0)
    if incident.kind is not IncidentKind.FAILED_LOGINS_SPIKE:
        return f"Users concerned: {users}"
    got_in = f"{entered} of them logged in from an attacking address" if entered else "none of them got in"
    return f"Users tried: {users}, {got_in}"


def blast_lines(step: Step) -> tuple[str, ...]:
    """What the step would have done to the last hour."""
    blast = step.blast_radius
    if blast is None:
        return ()
    past = span(blast.window_end - blast.window_start)
    return (
        f"{step.action_key}: would have stopped {blast.attack_share:.1%} of the {blast.trouble} "
        f"({blast.attack_stopped} of {blast.attack_events}) and {blast.legitimate_share:.1%} of legitimate "
        f"{blast.noun} ({blast.legitimate_hit} of {blast.legitimate_events}, "
        f"{blast.legitimate_users_hit} users) in the last {past}; cap {blast.cap:.1%}",
    )


def step_line(step: Step) -> str:
    """The step in one line: what, on whom, how risky, for how long."""
    on = f" on {', '.join(clean(target) for target in step.targets[:5])}" if step.targets else ""
    more = f" and {len(step.targets) - 5} more" if len(step.targets) > 5 else ""
    share = f" ({reach(step)})" if step.coverage else ""
    undo = "takes itself back" if step.reversible else "cannot be taken back"
    undo = "stays until people take it back" if step.stop_if == PEOPLE_ONLY else undo
    how = f"{step.risk.value} risk, {length(step)}, {undo} ({step.gate.label})"
    return f"{step.order}. {step.action_key}{on}{more}{share}: {how}"


def length(step: Step) -> str:
    """How long it holds."""
    return span(step.ttl) if step.ttl else "no TTL"
