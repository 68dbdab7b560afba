"""`opsspine up | down | status`: the spine as a service of this machine."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.table import Table
from rich.text import Text

from deployments.cli.context import settings
from deployments.cli.output import record
from deployments.cli.screen import console
from deployments.environment import log_folder
from deployments.instance import instance
from spine.errors import Broken, Refused
from spine.settings import Settings

_READY_SECONDS = 900
"""Seconds on a free machine, minutes on one with other work. A supervisor whose part does not start ends by itself."""
_STOP_SECONDS = 60


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


def up(foreground: Annotated[bool, typer.Option(help="Stay attached; Ctrl-C stops everything.")] = False) -> None:
    """Start PostgreSQL, Prefect, the gateway, the runner and the relay; data persists in the data folder."""
    start("deployments.supervisor", foreground=foreground)


def start(module: str, *, foreground: bool) -> None:
    """Run a supervisor, `module`, and return once it says that everything works; in the foreground, never.

    Raises:
        Refused: it cannot start.
        Broken: it took a quarter of an hour.
    """
    if foreground:
        os.execv(sys.executable, [sys.executable, "-m", module])  # noqa: S606 - our own module
    current = settings()
    log = log_folder(current) / "supervisor.log"
    began = time.monotonic()
    with open(log, "ab") as output, console().status("Starting the spine …"):
        position = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        _await_ready(current, process, log, position)
    console().print(f"[green]Ready[/] after {time.monotonic() - began:.1f} s.")
    _print_addresses(current)


def _await_ready(current: Settings, process: subprocess.Popen[bytes], log: Path, position: int) -> None:
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until:
        running = instance(current)
        if running is not None and running["pid"] == process.pid:
            return
        if process.poll() is not None:
            raise Refused("service.start", _since(log, position).removeprefix("error: ").strip())
        time.sleep(0.05)
    raise Broken(f"The spine was not ready after {_READY_SECONDS} s. Its logs: {log.parent}")


def _since(log: Path, position: int) -> str:
    with open(log, errors="replace") as file:
        file.seek(position)
        return file.read()


def _print_addresses(current: Settings) -> None:
    running = instance(current)
    if running is None:
        return
    for url in running.get("gateway_urls", [running["gateway_url"]]):
        console().print(f"  Gateway     {url}")
    for url in running.get("prefect_urls", [running["prefect_url"]]):
        console().print(f"  Prefect UI  {url}")
    console().print(f"  Data, logs  {current.data_dir}")


def down() -> None:
    """Stop everything `up` started. Nothing is lost: what was in flight is finished or undone on return."""
    current = settings()
    running = instance(current)
    if running is None:
        console().print(f"No spine is running in {current.data_dir}.")
        return
    pid = int(running["pid"])
    with console().status("Stopping …"), contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            os.kill(pid, 0)
            time.sleep(0.05)
        raise Broken(f"Process {pid} did not end within {_STOP_SECONDS} s. Its logs: {current.data_dir / 'logs'}")
    (current.data_dir / "instance.json").unlink(missing_ok=True)
    console().print("Stopped.")


def status() -> None:
    """Show what runs and how it feels; exit code 1 when something is down or failing."""
    current = settings()
    running = instance(current)
    if running is None:
        console().print(f"No spine is running in {current.data_dir}. Start one with `opsspine up`.")
        raise typer.Exit(1)
    pids = {"supervisor": int(running["pid"]), **running["pids"]}
    alive = {name: _runs(pid) for name, pid in pids.items()}
    health = _health(str(running["gateway_url"]))
    told = {"parts": [{"part": name, "pid": pids[name], "running": lives} for name, lives in alive.items()]}
    addresses = {"gateway": running["gateway_url"], "prefect": running["prefect_url"], "data": str(current.data_dir)}
    if record({**told, "addresses": addresses, "health": health}):
        _show(pids, alive, health)
        _print_addresses(current)
    well = all(alive.values()) and health is not None and health["status"] != "fail"
    raise typer.Exit(0 if well else 1)


def _health(url: str) -> dict[str, Any] | None:
    """What the gateway says of every part; None = it does not answer."""
    try:
        return dict(httpx.get(f"{url}/api/health", timeout=5).json())
    except (httpx.HTTPError, ValueError):
        return None


def _show(pids: dict[str, int], alive: dict[str, bool], health: dict[str, Any] | None) -> None:
    table = Table("part", "pid", "state")
    for name, lives in alive.items():
        table.add_row(name, str(pids[name]), "[green]running[/]" if lives else "[red]dead[/]")
    console().print(table)
    if health is None:
        console().print("[red]The gateway does not answer.[/] Its log is in the data folder, logs/gateway.log.")
        return
    checks = Table("check", "status", "detail")
    for name, entries in health.get("checks", {}).items():
        for entry in entries:
            checks.add_row(name, entry["status"], Text(str(entry.get("output") or entry.get("observedValue", ""))))
    console().print(checks)
    if health["status"] != "pass":
        console().print("`opsspine health` says what this means and what to do.")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
