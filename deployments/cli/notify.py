"""`opsspine notify …`: who hears of what. Rules as they are read, what one piece of news would do, and a trial."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from deployments.cli.context import database, settings, system
from deployments.cli.operator import operator
from deployments.cli.output import listing, record
from spine.clock import SystemClock
from spine.errors import OpsSpineError, Refused
from spine.ids import NO_TENANT, mint, tenant_id
from spine.incident import IncidentKind
from spine.message import Message, Section
from spine.notification import Notification, Topic
from spine.route import Destination, Rule, SeverityLabel
from spine.routing import News, warnings
from spine.severity import Severity
from store import routes as stored
from tasks.addressing import addressed
from tasks.notifiers import Ports, channels, notifiers

_RULES = TypeAdapter(list[Rule])
_Tenant = Annotated[str, typer.Option(help="Whose news; default: the single tenant.")]
_Level = Annotated[SeverityLabel, typer.Option(help="info, medium, high or critical.")]
notify = typer.Typer(help="Notifications: rules of who hears of what, and a trial.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds `opsspine notify`."""
    app.add_typer(notify, name="notify")


@notify.command()
def routes(tenant: _Tenant = NO_TENANT) -> None:
    """The rules in the order in which they are read for TENANT."""
    current = settings()
    with system(current) as connection:
        rules = stored.rules_for(connection, tenant_id(tenant), current.notify)
        version = stored.get(connection, tenant_id(tenant)).version
    rows = [{"from": one.origin, **one.rule.model_dump(mode="json", exclude_defaults=True)} for one in rules]
    listing(
        rows,
        {
            "from": lambda row: row["from"],
            "rule": lambda row: row["name"],
            "sends to": lambda row: ", ".join(row.get("to", ())) or "nobody",
            "about": lambda row: ", ".join(row.get("topics", ())) or "everything",
            "severity": lambda row: f"{row.get('least', 'info')} to {row.get('most', 'critical')}",
            "only": _only,
            "last": lambda row: "last" if row.get("last") else "",
        },
        empty="No rules: nothing is told. Switch a channel on: OPSSPINE_NOTIFY__MODE.",
    )
    if version:
        typer.echo(f"Rules of tenant {tenant} are at version {version}.")
    for warning in warnings(rules):
        typer.echo(f"warning: {warning}")


@notify.command()
def explain(
    topic: Annotated[Topic, typer.Argument(help="What it is about.")],
    severity: _Level = "high",
    kind: Annotated[IncidentKind | None, typer.Option(help="Type of incident.")] = None,
    at: Annotated[str, typer.Option(help="When, as 2026-03-29T02:00+01:00; default: now.")] = "",
    tenant: _Tenant = NO_TENANT,
) -> None:
    """What one piece of news would do: which rule sends it where, and why the others do not."""
    moment = datetime.fromisoformat(at) if at else datetime.now(UTC)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    news = News(tenant=tenant_id(tenant), topic=topic, severity=Severity[severity.upper()], kind=kind, at=moment)
    current = settings()
    with system(current) as connection:
        found = stored.routed(connection, news, current.notify)
    record({
        "destinations": [str(to) for to in found.destinations], "fallback": found.fallback,
        "rules": [{"rule": r.rule.name, "from": r.origin, "sends": r.matched, "because": r.because}
                  for r in found.readings],
    })  # fmt: skip
    for one in found.readings:
        typer.echo(f"{'✓' if one.matched else '·'} {one.rule.name} ({one.origin}): {one.because}")
    if found.fallback:
        typer.echo("No rule takes this critical page, so it goes where it would go without rules.")
    typer.echo(f"Goes to: {', '.join(map(str, found.destinations)) or 'nobody'}.")


@notify.command("set")
def set_rules(
    file: Annotated[Path, typer.Argument(help="JSON: a list of rules; [] = none.", exists=True, dir_okay=False)],
    tenant: Annotated[str, typer.Option(help="Whose news.")],
    version: Annotated[int | None, typer.Option(help="Refuse unless the rules are at this version.")] = None,
) -> None:
    """Replace the rules of one tenant. Rules that send a critical page nowhere are refused."""
    try:
        rules = _RULES.validate_json(file.read_bytes())
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise Refused("routes.value", f"{file} holds no rules: {told}. Nothing was written.") from error
    if unknown := sorted({to.channel for rule in rules for to in rule.destinations} - set(channels())):
        raise Refused(
            "notify.unknown", f"There is no channel {', '.join(unknown)}; there are {', '.join(channels())}. "
            "Nothing was written.",
        )  # fmt: skip
    current, whose = settings(), tenant_id(tenant)
    with system(current) as connection:
        held = version if version is not None else stored.get(connection, whose).version
        done = stored.put(
            connection, whose, rules, current.notify, version=held, actor=operator(), now=datetime.now(UTC)
        )  # fmt: skip
    typer.echo(f"{len(rules)} rules of tenant {tenant}, version {done.version}. See opsspine notify routes.")


@notify.command()
def test(destination: Annotated[str, typer.Argument(help="A channel, or channel:target as slack:#security.")]) -> None:
    """Send a message that says it is a test, now, past the outbox; say what the other side answered."""
    to, current = Destination.parse(destination), settings()
    send = notifiers().get(to.channel)
    if send is None:
        raise Refused("notify.unknown", f"There is no channel {to.channel!r}; there are {', '.join(channels())}.")
    opened, moment = database(current), datetime.now(UTC)
    row = Notification(
        id=mint(), tenant_id=NO_TENANT, incident_id=None, channel=to.channel, target=to.target,
        topic=Topic.INCIDENT_OPENED, severity=Severity.INFO, payload={}, created_at=moment, attempts=1, deferrals=0,
    )  # fmt: skip
    try:
        with opened.system() as connection:
            there = addressed(connection, current, row)
        receipt = send(_trial(row, current.app_name, moment), Ports(there, SystemClock()))
    except OpsSpineError as error:
        raise Refused("notify.test", f"{destination} did not take the message: {error}") from error
    finally:
        opened.close()
    record({"destination": destination, "receipt": receipt.detail})
    typer.echo(f"{destination} took it: {json.dumps(receipt.detail, default=str)}")


def _trial(row: Notification, app_name: str, moment: datetime) -> Message:
    """A message with everything a real one has, about an incident that does not exist."""
    told = f"This is a test of notifications by {operator()}. Nothing happened, and nobody needs to do anything."
    about = {"incident": str(row.id), "type": "TEST", "severity": 0, "since": moment.isoformat(), "test": True}
    return Message(
        id=row.id, tenant=row.tenant_id, topic=row.topic, severity=row.severity, at=moment,
        title=f"{app_name}: a test of notifications", headline=told, sections=(Section("Evidence", ("none",)),),
        data={**about, "summary": told},
    )  # fmt: skip


def _only(row: dict[str, object]) -> str:
    limits = [*_texts(row.get("tenants")), *_texts(row.get("kinds"))]
    return ", ".join([*limits, *(["some hours"] if row.get("hours") else [])])


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else []
