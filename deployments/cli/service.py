"""`opsspine up | down | status`: the spine as a service of this machine."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.table import Table

from deployments.cli.context import settings
from deployments.environment import log_folder
from deployments.instance import instance
from spine.errors import Broken, Refused
from spine.settings import Settings

_READY_SECONDS = 150
_STOP_SECONDS = 60
_console = Console()


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


def up(foreground: Annotated[bool, typer.Option(help="Stay attached; Ctrl-C stops everything.")] = False) -> None:
    """Start PostgreSQL, Prefect, the gateway, the runner and the relay; data persists in the data folder."""
    if foreground:
        os.execv(sys.executable, [sys.executable, "-m", "deployments.supervisor"])  # noqa: S606 - our own module
    current = settings()
    log = log_folder(current) / "supervisor.log"
    began = time.monotonic()
    with open(log, "ab") as output, _console.status("Starting the spine …"):
        position = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "deployments.supervisor"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        _await_ready(current, process, log, position)
    _console.print(f"[green]Ready[/] after {time.monotonic() - began:.1f} s.")
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
    _console.print(f"  Gateway     {running['gateway_url']}")
    _console.print(f"  Prefect UI  {running['prefect_url']}")
    _console.print(f"  Data, logs  {current.data_dir}")


def down() -> None:
    """Stop everything `up` started. Nothing is lost: what was in flight is finished or undone on return."""
    current = settings()
    running = instance(current)
    if running is None:
        _console.print(f"No spine is running in {current.data_dir}.")
        return
    pid = int(running["pid"])
    with _console.status("Stopping …"), contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            os.kill(pid, 0)
            time.sleep(0.05)
        raise Broken(f"Process {pid} did not end within {_STOP_SECONDS} s. Its logs: {current.data_dir / 'logs'}")
    (current.data_dir / "instance.json").unlink(missing_ok=True)
    _console.print("Stopped.")


def status() -> None:
    """Show what runs and how it feels; exit code 1 when something is down or failing."""
    current = settings()
    running = instance(current)
    if running is None:
        _console.print(f"No spine is running in {current.data_dir}. Start one with `opsspine up`.")
        raise typer.Exit(1)
    table = Table("part", "pid", "state")
    healthy = _row(table, "supervisor", int(running["pid"]))
    for name, pid in running["pids"].items():
        healthy = _row(table, name, pid) and healthy
    _console.print(table)
    checks = Table("check", "status", "detail")
    try:
        health = httpx.get(f"{running['gateway_url']}/api/health", timeout=5).json()
        for name, entries in health.get("checks", {}).items():
            for entry in entries:
                checks.add_row(name, entry["status"], str(entry.get("output") or entry.get("observedValue", "")))
        healthy = healthy and health["status"] != "fail"
        _console.print(checks)
    except httpx.HTTPError as error:
        _console.print(f"[red]The gateway does not answer: {error}[/]")
        healthy = False
    _print_addresses(current)
    raise typer.Exit(0 if healthy else 1)


def _row(table: Table, name: str, pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        table.add_row(name, str(pid), "[red]dead[/]")
        return False
    except PermissionError:
        pass
    table.add_row(name, str(pid), "[green]running[/]")
    return True
