"""`opsspine approvals …`: what waits for a person, and their yes or no. Needs neither Slack nor Prefect."""

import sys
from typing import Annotated

import typer
from sqlalchemy import Connection, text

from deployments.cli.context import database, settings, system
from deployments.cli.output import listing, record
from deployments.cli.screen import short, whole
from deployments.cli.wake import wake_run
from spine.approval import Approval, Code, Vote
from spine.errors import Refused
from spine.flag.change import change_lines
from spine.ids import ApprovalId
from spine.outlook import reach
from spine.person import PersonRef
from spine.plan import Decision
from spine.span import span
from store import approvals, flag_changes, people
from store.decide import decide
from store.ratify import ratify as stand_by

_Id = Annotated[str, typer.Argument(help="The approval's id, or its first characters.")]
_As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="Your address, as registered.")]
_Reason = Annotated[str, typer.Option(help="Why; kept in the audit trail.")]
_Totp = Annotated[str | None, typer.Option(help="The code; '-' reads it from standard input; default: you are asked.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Approvals: list, show, approve, deny.", no_args_is_help=True)
    group.command("list")(waiting)
    group.command()(show)
    group.command()(approve)
    group.command()(deny)
    group.command()(ratify)
    app.add_typer(group, name="approvals")


def waiting() -> None:
    """What waits for a person now, soonest to expire first."""
    with system() as connection:
        found = approvals.pending(connection)
    listing(
        found,
        {
            "approval": lambda one: short(one.id),
            "tenant": lambda one: one.tenant_id,
            "gate": lambda one: f"{one.gate.label}, DRILL" if one.synthetic else one.gate.label,
            "risk": lambda one: one.risk.value,
            "expires (UTC)": lambda one: f"{one.expires_at:%H:%M:%S}",
            "about": lambda one: f"incident {short(one.incident_id)}" if one.incident_id else "a flag",
        },
        empty="Nothing waits for a decision.",
    )


def show(approval: _Id) -> None:
    """Everything an approver signs: steps, targets, blast radius, guards, the plan's hash; and the votes so far."""
    with system() as connection:
        one = _find(connection, approval)
        lines = _asked(connection, one)
        votes = [(ballot, people.get(connection, ballot.person_id)) for ballot in approvals.ballots(connection, one.id)]
    ballots = [{"ballot": ballot, "person": person.email if person else None} for ballot, person in votes]
    if not record({"approval": one, "asked": lines, "votes": ballots}):
        return
    if one.synthetic:
        typer.echo("DRILL: nothing real hangs on it.")
    typer.echo(f"approval {one.id}: {one.status.value}, gate {one.gate.label}, asked by {one.requester}")
    about = f"incident {one.incident_id}" if one.incident_id else "a change of a flag"
    typer.echo(f"{about} of tenant {one.tenant_id}, expires {one.expires_at:%Y-%m-%d %H:%M:%S} UTC")
    for line in lines:
        typer.echo(line)
    for ballot, person in votes:
        typer.echo(
            f"vote: {ballot.vote} by {person.name if person else ballot.account} via {ballot.via}: {ballot.reason}"
        )


def approve(approval: _Id, who: _As, reason: _Reason = "", totp: _Totp = None) -> None:
    """Say yes, with the code of your authenticator."""
    _decide(approval, who, "approve", reason, totp)


def deny(approval: _Id, who: _As, reason: _Reason = "", totp: _Totp = None) -> None:
    """Say no, with the code of your authenticator: here a name alone proves nothing."""
    _decide(approval, who, "deny", reason, totp)


def ratify(approval: _Id, who: _As, reason: _Reason = "", totp: _Totp = None) -> None:
    """Stand by what somebody let through by break-glass; without this it is taken back after 30 minutes."""
    code, current = _code(totp), settings()
    opened = database(current)
    with opened.system() as connection:
        key = _find(connection, approval).id
    outcome = stand_by(
        opened, key, person=PersonRef.by_email(who), via="cli", reason=reason, totp=code, settings=current
    )
    opened.close()
    if not outcome.counted:
        raise Refused(outcome.code, outcome.message)
    record(outcome)
    typer.echo(outcome.message)


def _code(totp: str | None) -> str:
    if totp == "-":
        totp = sys.stdin.readline().strip()
    return totp or str(typer.prompt("Code", hide_input=True, err=True))


def _decide(approval: str, who: str, vote: Vote, reason: str, totp: str | None) -> None:
    code, current = _code(totp), settings()
    opened = database(current)
    with opened.system() as connection:
        key = _find(connection, approval).id
    outcome = decide(
        opened, key, person=PersonRef.by_email(who), vote=vote, via="cli", reason=reason, totp=code, settings=current
    )
    if outcome.code is Code.DECIDED:
        wake_run(opened, current, key)
    opened.close()
    if not outcome.counted:
        raise Refused(outcome.code, outcome.message)
    record(outcome)
    typer.echo(outcome.message)


def _find(connection: Connection, start: str) -> Approval:
    """The one approval whose id begins so."""
    approval = approvals.get(connection, ApprovalId(whole(connection, "approval", start)))
    assert approval is not None
    return approval


def _asked(connection: Connection, approval: Approval) -> list[str]:
    """What is asked for: steps of a plan, or a change of a flag."""
    if approval.change_id is not None:
        change = flag_changes.get(connection, approval.change_id)
        return change_lines(change) if change is not None else ["The change it asks about is gone."]
    query = text("select body::text from decisions where id = :id")
    body = connection.execute(query, {"id": approval.decision_id}).scalar_one()
    return plan_lines(Decision.model_validate_json(body), approval)


def plan_lines(decision: Decision, approval: Approval) -> list[str]:
    """What the approval lets through, as lines of text."""
    lines = [
        f"{decision.decision.value}, severity {decision.severity_label},"
        f" confidence {decision.confidence:.2f} (uncalibrated)"
    ]
    for step in decision.steps:
        if step.order not in approval.steps:
            continue
        ttl = f" for {span(step.ttl)}" if step.ttl else ""
        lines.append(f"step {step.order}: {step.action_key}{ttl}, {step.risk.value} risk, {step.params}")
        if step.targets:
            lines.append(f"  targets: {', '.join(step.targets)}")
        if step.coverage:
            lines.append(f"  reach: {reach(step)}")
        if radius := step.blast_radius:
            lines.append(
                f"  would have stopped {radius.attack_share:.1%} of the attack and hit {radius.legitimate_share:.2%}"
                f" of legitimate logins ({radius.legitimate_users_hit} people; cap {radius.cap:.1%})"
            )
        lines.extend(f"  guard {guard.name}: {guard.because}" for guard in step.guard_results)
    if decision.rollback_plan:
        lines.append(f"rollback: {decision.rollback_plan.trigger}: {'; '.join(decision.rollback_plan.steps)}")
    return [*lines, f"plan hash: {approval.plan_hash}"]
