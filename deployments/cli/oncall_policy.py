"""`opsspine oncall policies …`: who is called after whom."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from deployments.cli.context import system
from deployments.cli.oncall_given import File, Tenant, read, whose
from deployments.cli.operator import operator
from deployments.cli.output import record
from deployments.cli.screen import console
from spine.ids import TenantId
from spine.oncall.policy import Policy, standard
from spine.person import EVERY_TENANT
from store import policies

policy = typer.Typer(help="Policies: who is called after whom.", no_args_is_help=True)


@policy.command("list")
def list_policies() -> None:
    """Who is called after whom."""
    with system() as connection:
        found = [(one, policies.by_address(connection, one.policy)) for one in policies.every(connection)]
    if not record([{"name": one.name, "tenant": one.tenant_id, **shown} for one, shown in found]):
        return
    table = Table("policy", "tenant", "from", "repeats", "steps", box=None)
    for one, shown in found:
        steps = [f"+{step['delay_minutes']:g} min {', '.join(step['targets'])}" for step in shown["steps"]]
        table.add_row(one.name, one.tenant_id, one.policy.least, str(one.policy.repeat), " → ".join(steps))
    console().print(table if found else "No policies: nobody is called. See opsspine oncall policies standard --help.")


@policy.command("standard")
def make_standard(
    primary: Annotated[str, typer.Option(help="Schedule that is called first.")],
    secondary: Annotated[str | None, typer.Option(help="Schedule that is called after five minutes.")] = None,
    name: Annotated[str, typer.Option(help="The policy's name.")] = "standard",
    tenant: Tenant = EVERY_TENANT,
) -> None:
    """Make the usual policy: the primary at once, the secondary after 5 minutes, then commanders, then security."""
    _put_policy(name, standard(primary, secondary), whose(tenant))


@policy.command("apply")
def apply_policy(name: str, file: File, tenant: Tenant = EVERY_TENANT) -> None:
    """Make, or replace, a policy from FILE."""
    _put_policy(name, read(Policy, file), whose(tenant))


@policy.command("remove")
def remove_policy(name: str, tenant: Tenant = EVERY_TENANT) -> None:
    """Delete a policy. Calls under way go on."""
    with system() as connection:
        policies.remove(connection, whose(tenant), name, actor=operator(), now=datetime.now(UTC))
    typer.echo(f"{name} is gone.")


def _put_policy(name: str, made: Policy, tenant: TenantId) -> None:
    with system() as connection:
        done = policies.put(connection, tenant, name, made, version=None, actor=operator(), now=datetime.now(UTC))
    typer.echo(f"{name} is at version {done.version}: {len(made.steps)} steps, {made.repeat} more rounds.")
