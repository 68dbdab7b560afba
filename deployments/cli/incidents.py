"""`opsspine incidents …`: what is open, one incident's whole story, and what people do about it."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deployments.cli.acting import acting
from deployments.cli.context import database, settings, system
from deployments.cli.output import listing, record
from deployments.cli.screen import console, short, whole
from spine.errors import Refused
from spine.incident import Incident, IncidentKind, IncidentStatus
from spine.outcome import CAUSES, Outcome, checked_cause
from spine.person import PersonRef
from spine.redact import redact_text
from store import approvals, attend, leases, outcomes, people, scores
from store import incidents as stored
from store.read.queue import queue

_Id = Annotated[str, typer.Argument(help="The incident's id, or its first characters.")]
_As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="Your address, as registered.")]
_CAUSE = f"Its cause: {', '.join(CAUSES)}."
_MOST = 10_000
"""Incidents that are looked through for a tenant's or a type's."""
incidents = typer.Typer(
    help="Incidents: list them, show one with its evidence and timeline, take care of it, end it.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Adds `opsspine incidents`."""
    app.add_typer(incidents, name="incidents")


@incidents.command("list")
def list_incidents(
    live: Annotated[bool, typer.Option("--live", help="Only those that are not resolved.")] = False,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this type, in any case.")] = None,
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 50,
    suggested: Annotated[
        bool, typer.Option("--suggested", help="The open ones as the model in use suggests, critical ones first.")
    ] = False,
) -> None:
    """The latest incidents, newest first; with --live the open ones, worst first."""
    current, wanted = settings(), _kind(kind)
    with system(current) as connection:
        if suggested:
            ranked = queue(connection, suggested=True, judged=current.ml.enabled, drills=True, limit=_MOST)
            found = [one.incident for one in ranked]
        else:
            most = _MOST if tenant or kind else limit
            found = stored.list_live(connection) if live else stored.list_recent(connection, most)
        judged = current.ml.enabled and (suggested or live)
        said = scores.of_incidents(connection, [one.id for one in found]) if judged else {}
    likely = {"likely real": lambda one: f"{said[one.id].probability:.0%}" if one.id in said else ""} if said else {}
    mine = [one for one in found if tenant in (None, one.tenant_id) and wanted in (None, one.kind)][:limit]
    listing(
        mine,
        {
            "incident": lambda one: short(one.id),
            "opened (UTC)": lambda one: f"{one.opened_at:%Y-%m-%d %H:%M}",
            "tenant": lambda one: one.tenant_id,
            "type": lambda one: one.kind.value,
            "class": lambda one: one.summary.get("class", ""),
            "severity": lambda one: one.severity.label,
            "status": _status,
            **likely,
        },
        empty="No incidents.",
    )


@incidents.command()
def show(incident: _Id) -> None:
    """Everything about INCIDENT: what is known, on which evidence, what is in force, and what happened when."""
    with system() as connection:
        one = stored.get(connection, whole(connection, "incident", incident))
        receipts, story = stored.evidence(connection, one.id), stored.timeline(connection, one.id)
        asked, held = approvals.of_incident(connection, one.id), leases.of_incident(connection, one.id)
    everything = {
        "incident": one, "evidence": receipts, "approvals": asked,
        "mitigations": held, "timeline": story,
    }  # fmt: skip
    if not record(everything):
        return
    out = console()
    _head(out, one)
    evidence = Table("evidence", "window end (UTC)", "n", "observed", "sha256")
    for row in receipts:
        numbers = ", ".join(f"{name} {value:g}" for name, value in row.observed.items())
        evidence.add_row(row.source, f"{row.window_end:%Y-%m-%d %H:%M:%S}", str(row.n), numbers, row.sha256[:16])
    if receipts:
        out.print(evidence)
    timeline = Table("at (UTC)", "what", "who", "")
    for line in story:
        timeline.add_row(
            f"{line['at']:%Y-%m-%d %H:%M:%S}", line["kind"], Text(line["actor"]), Text(line["summary"])
        )  # fmt: skip
    out.print(timeline)
    for approval in asked:
        out.print(
            f"approval {short(approval.id)}: {approval.status.value}, gate {approval.gate.label}", highlight=False
        )
    for lease in held:
        out.print(f"lease {short(lease.id)}: {lease.action_key} is {lease.state.value}", highlight=False)


@incidents.command()
def ack(incident: _Id, as_: _As) -> None:
    """Say that you have seen INCIDENT and take care of it: nobody else is called. Whoever was first stays."""
    opened, now = database(), datetime.now(UTC)
    with opened.system() as connection:
        one = stored.get(connection, whole(connection, "incident", incident))
    actor = acting(opened, as_, one.tenant_id, f"incident:{one.id}")
    with opened.system() as connection:
        person = people.find(connection, PersonRef.by_email(as_))
        seen = attend.acknowledge(
            connection, one.tenant_id, one.id, actor=actor, now=now, person=person.id if person else None, via="cli"
        )
    opened.close()
    _, first = seen if seen is not None else (None, "")
    if not first:
        raise Refused("incident.over", f"Incident {short(one.id)} is resolved; there is nothing to take care of.")
    if first != actor:
        raise Refused(
            "incident.acknowledged",
            f"{first} has it already and takes care. Nothing was changed; "
            "`opsspine incidents note` adds what you know.",
        )
    record({"incident": one.id, "acknowledged_by": actor})
    typer.echo(f"{actor} takes care of incident {short(one.id)}.")


@incidents.command()
def note(incident: _Id, text: Annotated[str, typer.Argument(help="What others should know.")], as_: _As) -> None:
    """Write TEXT into the timeline of INCIDENT and into the audit trail. Secrets in it are taken out."""
    opened, now = database(), datetime.now(UTC)
    with opened.system() as connection:
        one = stored.get(connection, whole(connection, "incident", incident))
    actor = acting(opened, as_, one.tenant_id, f"incident:{one.id}")
    said = redact_text(text.strip())
    if not said:
        raise Refused("note.empty", "A note says something. Nothing was written.")
    with opened.system() as connection:
        attend.note(connection, one.tenant_id, one.id, said, actor=actor, now=now)
    opened.close()
    record({"incident": one.id, "by": actor, "text": said})
    typer.echo(f"Noted at incident {short(one.id)}.")


@incidents.command()
def cancel(
    incident: _Id, as_: _As, reason: Annotated[str, typer.Option(help="Why; it goes into the timeline.")]
) -> None:
    """Stop the response to INCIDENT: open questions are void, what was done is taken back, people take over.

    What cuts ongoing harm off (containment) stays until people end it. To end the incident as well: `resolve`.
    """
    from deployments.cli.orchestrator import cancel_run

    current = settings()
    opened, now = database(current), datetime.now(UTC)
    with opened.system() as connection:
        one = stored.get(connection, whole(connection, "incident", incident))
    actor = acting(opened, as_, one.tenant_id, f"incident:{one.id}")
    if one.status is IncidentStatus.RESOLVED or one.flow_run_id is None:
        raise Refused(
            "incident.idle", f"No run responds to incident {short(one.id)} ({one.status.value}); nothing was changed. "
            "To end it: `opsspine incidents resolve`.",
        )  # fmt: skip
    with opened.system() as connection:
        attend.note(
            connection, one.tenant_id, one.id, f"Cancels the response: {redact_text(reason)}", actor=actor, now=now
        )
    opened.close()
    cancel_run(current, one.flow_run_id)
    record({"incident": one.id, "run": one.flow_run_id, "cancelled_by": actor})
    typer.echo(f"The run of incident {short(one.id)} is cancelled; what it did is taken back within a minute.")


@incidents.command()
def resolve(
    incident: _Id,
    as_: _As,
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit trail.")],
    outcome: Annotated[Outcome | None, typer.Option(help="What it was; models that order lists learn from it.")] = None,
    cause: Annotated[str | None, typer.Option(help=_CAUSE)] = None,
) -> None:
    """End INCIDENT: take back what it holds, and close it. The next attack opens a new one."""
    known = checked_cause(cause)
    from tasks.closing import close_incident  # pandas: not for every command

    current = settings()
    opened = database(current)
    with opened.system() as connection:
        one = stored.get(connection, whole(connection, "incident", incident))
    actor = acting(opened, as_, one.tenant_id, f"incident:{one.id}")
    done = close_incident(opened, current, one.id, actor=actor, reason=reason, now=datetime.now(UTC))
    if outcome is not None:
        with opened.system() as connection:
            outcomes.say(connection, one.tenant_id, one.id, outcome, known, actor=actor, now=datetime.now(UTC))
    opened.close()
    record(done)
    typer.echo(f"Incident {done.id} is {done.status.value}.")


@incidents.command()
def label(
    incident: _Id,
    as_: _As,
    outcome: Annotated[Outcome, typer.Option(help="What it was.")],
    cause: Annotated[str | None, typer.Option(help=_CAUSE)] = None,
) -> None:
    """Say what INCIDENT was, also after its end: models that order lists learn from it. The latest word counts."""
    known, opened = checked_cause(cause), database()
    with opened.system() as connection:
        one = stored.get(connection, whole(connection, "incident", incident))
    actor = acting(opened, as_, one.tenant_id, f"incident:{one.id}")
    with opened.system() as connection:
        outcomes.say(connection, one.tenant_id, one.id, outcome, known, actor=actor, now=datetime.now(UTC))
    opened.close()
    record({"incident": one.id, "outcome": outcome, "cause": known or None, "said_by": actor})
    typer.echo(f"Incident {short(one.id)}: {outcome.value.replace('_', ' ')}{f', {known}' if known else ''}.")


def _kind(name: str | None) -> IncidentKind | None:
    if name is None:
        return None
    wanted = name.upper().replace("-", "_")
    if wanted not in IncidentKind.__members__:
        raise Refused("incident.kind", f"There is no type {name[:60]!r}. There are {', '.join(IncidentKind)}.")
    return IncidentKind(wanted)


def _head(out: Console, one: Incident) -> None:
    """What is known, in words. Titles may hold text from outside."""
    out.print(Text(one.title, style="bold"))
    out.print(f"{one.id}, tenant {one.tenant_id}, {one.severity.label}, {_status(one)}", highlight=False)
    for part in one.summary.get("ill", []):
        out.print(f"{part['part']}: {part['said']} {part['means']} {part['do']}", markup=False, highlight=False)
    if one.kind is IncidentKind.SPINE_HEALTH:
        return
    addresses = one.summary.get("addresses", [])
    more = one.summary.get("addresses_total", len(addresses)) - len(addresses[:20])
    out.print(f"addresses: {', '.join(addresses[:20])}" + (f" and {more} more" if more else ""))
    out.print(
        f"users tried: {one.summary.get('users_total', 0)}, "
        f"succeeded after the attack: {one.summary.get('compromised_total', 0)}"
    )


def _status(incident: Incident) -> str:
    notes = [
        "drill" if incident.synthetic else "",
        "suppressed" if incident.suppressed_by else "",
        f"recurrence of {short(incident.reopens)}" if incident.reopens else "",
    ]
    return ", ".join([incident.status.value, *filter(None, notes)])
