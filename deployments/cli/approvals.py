"""`opsspine approvals …`: what waits for a person, and their yes or no. Needs neither Slack nor Prefect."""

import sys
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy import Connection, text

from deployments.cli.context import database, settings
from deployments.cli.screen import console, short, whole
from deployments.cli.wake import wake_run
from spine.approval import Approval, Code, Vote
from spine.errors import Refused
from spine.ids import ApprovalId
from spine.outlook import reach
from spine.person import PersonRef
from spine.plan import Decision
from spine.span import span
from store import approvals, people
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
    opened = database()
    table = Table("approval", "tenant", "gate", "risk", "expires (UTC)", "incident", box=None)
    with opened.system() as connection:
        for one in approvals.pending(connection):
            gate = f"{one.gate.label}, DRILL" if one.synthetic else one.gate.label
            row = (one.tenant_id, gate, one.risk.value, f"{one.expires_at:%H:%M:%S}", short(one.incident_id))
            table.add_row(short(one.id), *row)
    opened.close()
    console().print(table if table.row_count else "Nothing waits for a decision.")


def show(approval: _Id) -> None:
    """Everything an approver signs: steps, targets, blast radius, guards, the plan's hash; and the votes so far."""
    opened = database()
    with opened.system() as connection:
        one = _find(connection, approval)
        query = text("select body::text from decisions where id = :id")
        body = connection.execute(query, {"id": one.decision_id}).scalar_one()
        votes = [(ballot, people.get(connection, ballot.person_id)) for ballot in approvals.ballots(connection, one.id)]
    opened.close()
    if one.synthetic:
        typer.echo("DRILL: nothing real hangs on it.")
    typer.echo(f"approval {one.id}: {one.status.value}, gate {one.gate.label}, asked by {one.requester}")
    typer.echo(f"incident {one.incident_id} of tenant {one.tenant_id}, expires {one.expires_at:%Y-%m-%d %H:%M:%S} UTC")
    for line in plan_lines(Decision.model_validate_json(body), one):
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
    typer.echo(outcome.message)


def _code(totp: str | None) -> str:
    if totp == "-":
        totp = sys.stdin.readline().strip()
    return totp or str(typer.prompt("Code", hide_input=True))


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
    typer.echo(outcome.message)


def _find(connection: Connection, start: str) -> Approval:
    """The one approval whose id begins so."""
    approval = approvals.get(connection, ApprovalId(whole(connection, "approval", start)))
    assert approval is not None
    return approval


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
