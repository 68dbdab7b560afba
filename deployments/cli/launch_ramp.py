"""`opsspine launch ramp`: a flag reaches 1, 10, 50, 100 percent of the users, one step at a time, or goes back."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from deployments.cli.context import database, settings
from deployments.cli.flag_gate import changer, pass_gate
from deployments.cli.output import record
from spine.ids import tenant_id

_Tenant = Annotated[str, typer.Option(help="Whose flag; default: the single tenant.")]
_As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="On whose behalf.")]
_Totp = Annotated[str | None, typer.Option(help="The code; '-' reads it from standard input; default: you are asked.")]


def extend(launch: typer.Typer) -> None:
    """Add the command to `opsspine launch`."""
    launch.command("ramp")(ramp)


def ramp(
    key: Annotated[str, typer.Argument(help="A boolean flag with the variants on and off.")],
    as_: _As,
    back: Annotated[bool, typer.Option("--back", help="Back to the exact version from before the first step.")] = False,
    reason: Annotated[str, typer.Option(help="Why it goes back; kept in the history.")] = "the launch goes back",
    totp: _Totp = None,
    tenant: _Tenant = "",
) -> None:
    """Take the next step of KEY. Up takes a fresh GO, ten minutes since the last step, and no open incident."""
    from tasks.ramping import go_back, step_up

    opened, name, current = database(), tenant_id(tenant), settings()
    by = changer(opened, as_, name, key)
    gate, now = pass_gate(opened, by, key, current, totp), datetime.now(UTC)
    with opened.system() as connection:
        done = (
            go_back(connection, name, key, actor=by.actor, reason=reason, now=now) if back
            else step_up(connection, name, key, by.proposer, gate, now=now, settings=current)
        )  # fmt: skip
    opened.close()
    if record(done):
        was, now_at = (f"{one} %" if one is not None else "its own rule" for one in (done.before, done.percent))
        typer.echo(f"{key} is at version {done.version}: {was} before, {now_at} of the users now")
