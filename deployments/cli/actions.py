"""`opsspine actions …`: mitigations by hand, through the same policy, plan, approval and ledger as every other."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from deployments.cli.acting import acting
from deployments.cli.context import database, settings
from deployments.cli.orchestrator import start_run
from deployments.cli.output import listing, record
from deployments.cli.screen import short, whole
from spine.action import ActionSpec
from spine.command import CLOSED, Command, CommandKind, Wanted, judged_as
from spine.deployment import OBEY
from spine.errors import Refused, Transient
from spine.ids import CommandId, TenantId, mint
from spine.incident import Incident
from spine.person import Person, PersonRef
from spine.plan import Risk
from spine.redact import redact_text
from spine.settings import PolicySettings
from spine.span import span
from store import commands, incidents, people
from store.engine import Database
from store.read.commands import Report, report

_PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 0.3
_Params = Annotated[
    list[str] | None, typer.Option("--param", help="name=value, the value as JSON or text; repeatable.")
]
_Targets = Annotated[list[str] | None, typer.Option("--target", help="What it acts on; repeatable.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Mitigations by hand: list what there is, ask for one.", no_args_is_help=True)
    group.command("list")(show)
    group.command("run")(ask)
    app.add_typer(group, name="actions")


def show() -> None:
    """Every action there is, with its risk, its bounds, and what its targets are."""
    policy = settings().policy
    found = [_kind(spec, policy) for spec in _specs().values()]
    listing(
        found,
        {
            "action": lambda one: one["action"],
            "risk": lambda one: one["risk"] or "by parameters",
            "takes itself back": lambda one: "yes" if one["reversible"] else "no",
            "for": lambda one: span(timedelta(seconds=one["ttl_seconds"])) if one["ttl_seconds"] else "",
            "targets": lambda one: one["max_targets"] or "",
            "what it does": lambda one: one["title"],
        },
        empty="There are no actions.",
    )


def ask(
    action: Annotated[str, typer.Argument(help="Its key, for instance ip.throttle.")],
    incident: Annotated[str, typer.Option(help="For which incident: its id, or its first characters.")],
    as_: Annotated[str, typer.Option("--as", metavar="EMAIL", help="Your address, as registered.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the plan, the timeline and the audit trail.")],
    param: _Params = None,
    target: _Targets = None,
    minutes: Annotated[float | None, typer.Option(help="For how long; default: the action's own.", min=0.1)] = None,
) -> None:
    """Ask for ACTION. Policy says whether it runs at once, or waits for `opsspine approvals approve`."""
    current = settings()
    opened = database(current)
    with opened.system() as connection:
        one = incidents.get(connection, whole(connection, "incident", incident))
    acting(opened, as_, one.tenant_id, f"incident:{one.id}")
    wanted = Wanted(
        action=action, params=dict(_pair(text) for text in param or []), targets=tuple(target or ()),
        ttl_seconds=minutes * 60 if minutes else None,
    )  # fmt: skip
    _check(one, wanted, current.policy)
    with opened.system() as connection:
        person = people.find(connection, PersonRef.by_email(as_))
    assert person is not None
    made = _command(one, person, wanted, reason)
    with opened.tenant(one.tenant_id) as connection:
        commands.put(connection, made)
    try:
        start_run(current, OBEY, {"command_id": str(made.id)}, f"command:{made.id}")
    except Transient as error:
        typer.echo(f"It is written down, and done as soon as the orchestrator answers: {error}", err=True)
    found = _followed(opened, one.tenant_id, made.id)
    opened.close()
    _tell(found)


def _specs() -> dict[str, ActionSpec[Any]]:
    from tasks.mitigations import actions  # pandas: not for every command

    return {key: mitigation.spec for key, mitigation in sorted(actions().items())}


def _kind(spec: ActionSpec[Any], policy: PolicySettings) -> dict[str, Any]:
    bounds = spec.ttl_bounds(policy)
    return {
        "action": spec.key, "title": spec.title, "risk": spec.risk.value if isinstance(spec.risk, Risk) else None,
        "reversible": spec.reversible, "max_targets": spec.max_targets,
        "ttl_seconds": bounds.default.total_seconds() if bounds else None,
        "params": spec.params.model_json_schema(),
    }  # fmt: skip


def _check(incident: Incident, wanted: Wanted, policy: PolicySettings) -> None:
    """Raises Refused when nothing can come of it."""
    if incident.status in CLOSED or incident.synthetic:
        why = "is a drill's" if incident.synthetic else f"is {incident.status.value}"
        raise Refused("incident.over", f"Incident {short(incident.id)} {why}: nothing acts on it. Nothing was done.")
    spec = _specs().get(wanted.action)
    if spec is None:
        raise Refused("action.unknown", f"There is no action {wanted.action[:60]!r}. See `opsspine actions list`.")
    bounds = spec.ttl_bounds(policy)
    ttl = timedelta(seconds=wanted.ttl_seconds) if wanted.ttl_seconds else bounds.default if bounds else None
    if problems := list(spec.problems(wanted.params, wanted.targets, ttl, policy)):
        raise Refused("action.bounds", f"Nothing was done, for it is out of bounds: {'; '.join(problems)}.")


def _command(incident: Incident, person: Person, wanted: Wanted, reason: str) -> Command:
    return Command(
        id=CommandId(mint()), tenant_id=incident.tenant_id, kind=CommandKind.ACT, incident_id=incident.id,
        actor=f"person:{person.email}", person_id=person.id, role=judged_as(person.roles_in(incident.tenant_id)),
        reason=redact_text(reason), actions=(wanted,), commanded_at=datetime.now(UTC),
    )  # fmt: skip


def _followed(opened: Database, tenant: TenantId, key: CommandId) -> Report:
    """What became of it, as soon as that is settled, or when people have waited long enough."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with opened.tenant(tenant) as connection:
            found = report(connection, key)
        assert found is not None
        if found.settled or time.monotonic() > until:
            return found
        time.sleep(_LOOK_SECONDS)


def _tell(found: Report) -> None:
    record(found)
    for one in found.actions:
        because = f": {one.because}" if one.because else ""
        typer.echo(f"{one.action} is {one.status.replace('_', ' ')}{because}")
        if one.approval is not None and one.status == "approval_pending":
            typer.echo(f"  Let it through: opsspine approvals approve {short(one.approval.id)} --as <email>")
    if not found.settled:
        typer.echo("It is still being done; `opsspine incidents show` tells how far it is.")
    if any(one.status == "blocked" for one in found.actions):
        raise typer.Exit(1)


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
