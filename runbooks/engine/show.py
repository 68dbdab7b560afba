"""Markdown for Prefect UI: a person understands the incident from it alone."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from prefect.artifacts import acreate_markdown_artifact

from spine.incident import Incident
from spine.lease import Lease
from spine.outlook import reach
from spine.plan import Decision, Gate, GuardResult, Step
from spine.span import span
from spine.wording import blast_lines, evidence_lines, step_line

_MOST_TARGETS = 5
_NUMBER, _NO_LIST = re.compile(r"^(\d+)\."), r"\1\\."
"""Markdown would count the steps anew."""


async def show(key: str, incident: Incident, markdown: str, description: str) -> None:
    """Store `markdown` as an artifact of this run; `key` and the incident make it findable."""
    await acreate_markdown_artifact(markdown, key=f"{key}-{str(incident.id)[:8]}", description=description)


def incident_text(incident: Incident) -> str:
    """What happened, to whom, since when."""
    return "\n".join(
        [
            f"# {plain(incident.title)}",
            "",
            f"**{incident.severity.label}** · {incident.kind.value} · tenant `{plain(incident.tenant_id)}` "
            f"· since {utc(incident.first_event_at)} · detected {utc(incident.opened_at)}, "
            f"{span(incident.opened_at - incident.first_event_at)} later",
            "",
            *_bullets(evidence_lines(incident, None)[1:]),  # the first is the title
        ]
    )


def plan_text(decision: Decision) -> str:
    """The plan as an approver reads it: why, what, how much it hits, how it is undone."""
    head = [
        f"## {decision.decision.value}, confidence {decision.confidence:.2f} (uncalibrated)",
        "",
        "| why | adds | because |",
        "|---|---|---|",
        *(f"| {f.name} | {f.value:+.2f} | {plain(f.because)} |" for f in decision.confidence_factors),
        "",
        "| step | action | gate | for | attack stopped | legitimate hit | targets |",
        "|---|---|---|---|---|---|---|",
        *map(_step_row, decision.steps),
    ]
    denied = [f"- {s.action_key}: {_reasons(s.guard_results)}" for s in decision.denied]
    if denied:
        head += ["", "**Considered and refused**", "", *denied]
    if decision.hypotheses:
        head += ["", "**Hypotheses**", ""]
        head += [
            f"- {plain(h.cause)} (for: {plain('; '.join(h.for_)) or 'nothing'}; against: "
            f"{plain('; '.join(h.against)) or 'nothing'})"
            for h in decision.hypotheses
        ]
    if decision.missing_evidence:
        head += ["", f"**Missing evidence**: {plain('; '.join(decision.missing_evidence))}"]
    if decision.rollback_plan:
        rollback = decision.rollback_plan
        head += ["", f"**Rollback**: {plain(rollback.trigger)}. {plain('; '.join(rollback.steps))}"]
        if rollback.irreversible:
            head.append(f"**Cannot be undone**: {', '.join(rollback.irreversible)}")
    head += ["", f"Plan `{decision.plan_hash[:16]}`, void after {utc(decision.expires_at)}."]
    return "\n".join(head)


def gate_text(incident: Incident, decision: Decision, steps: Sequence[Step], gate: Gate, refusal: str) -> str:
    """The description above the approval form, narrow as it is: what is asked, what it would hit, and why."""
    why = [f"> **Not accepted:** {plain(refusal)}", ""] if refusal else []
    actions = ", ".join(step.action_key for step in steps)
    return "\n".join(
        [
            *why,
            f"## {'Allow' if len(steps) == 1 else 'Allow all of'} {actions}? ({gate.label})",
            "",
            *_bullets(step_line(step) for step in steps),
            *_bullets(line for step in steps for line in blast_lines(step)),
            "",
            f"### {plain(incident.title)}",
            "",
            f"**{incident.severity.label}** · tenant `{plain(incident.tenant_id)}` "
            f"· since {utc(incident.first_event_at)}",
            "",
            *_bullets(evidence_lines(incident, decision)[1:]),
            "",
            f"The whole plan `{decision.plan_hash[:16]}`, void after {utc(decision.expires_at)}: artifact "
            f"`plan-{str(incident.id)[:8]}` of this run. Undone when {plain(_undone_when(decision))}.",
        ]
    )


def lease_text(leases: Iterable[Lease]) -> str:
    """What is, or was, in force."""
    rows = [
        f"| {lease.action_key} | {lease.state.value} | {utc(lease.applied_at)} | {utc(lease.expires_at)} "
        f"| {utc(lease.reverted_at)} | {plain(lease.error or lease.revert_reason or '')} |"
        for lease in leases
    ]
    head = ["| action | state | applied | expires | reverted | note |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *rows])


def timeline_text(entries: Iterable[tuple[datetime, str, str, str]]) -> str:
    """(at, kind, actor, summary) as a table."""
    rows = [f"| {utc(at)} | {kind} | {plain(actor)} | {plain(summary)} |" for at, kind, actor, summary in entries]
    return "\n".join(["| when | what | who | |", "|---|---|---|---|", *rows])


def plain(text: str) -> str:
    """`text` with nothing that Markdown or HTML would act on: logs are not to be trusted."""
    kept = "".join(c if c.isprintable() else " " for c in text)[:500]
    for mark in "\\`*_[]<>|#!":
        kept = kept.replace(mark, f"\\{mark}" if mark not in "<>" else {"<": "&lt;", ">": "&gt;"}[mark])
    return kept


def utc(moment: datetime | None) -> str:
    """A time as people read it."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _bullets(lines: Iterable[str]) -> list[str]:
    return [f"- {_NUMBER.sub(_NO_LIST, plain(line))}" for line in lines]


def _undone_when(decision: Decision) -> str:
    return decision.rollback_plan.trigger if decision.rollback_plan else "its time is up"


def _step_row(step: Step) -> str:
    targets = ", ".join(f"`{plain(t)}`" for t in step.targets[:_MOST_TARGETS]) or "whole tenant"
    if len(step.targets) > _MOST_TARGETS:
        targets += f" and {len(step.targets) - _MOST_TARGETS} more"
    if step.coverage:
        targets += f" ({reach(step)})"
    blast = step.blast_radius
    stopped = f"{blast.attack_share:.0%}" if blast else ""
    hit = f"{blast.legitimate_share:.1%} (cap {blast.cap:.1%})" if blast else ""
    return (
        f"| {step.order} | {step.action_key} {plain(str(step.params)) if step.params else ''} | {step.gate.label} "
        f"| {_for(step.ttl)} | {stopped} | {hit} | {targets} |"
    )


def _for(ttl: timedelta | None) -> str:
    return "" if ttl is None else span(ttl)


def _reasons(results: Iterable[GuardResult]) -> str:
    return "; ".join(f"{plain(r.name)}: {plain(r.because)}" for r in results if not r.passed) or "refused"
