"""How the demo ends: the incident's timeline, and how long detection, decision and mitigation took."""

from collections.abc import Sequence
from datetime import timedelta

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from deployments.demo.scene import Scene
from deployments.demo.stage import Passed
from deployments.demo.traffic.login import Answer


def show_timeline(console: Console, scene: Scene) -> None:
    """What happened to the incident, by the incident's own account."""
    incident = scene.records.incident()
    if incident is None:
        return
    table = Table(box=box.SIMPLE_HEAD, title=f"\n{incident['title']}", title_justify="left", title_style="bold")
    table.add_column("UTC", style="dim", no_wrap=True)
    table.add_column("what", no_wrap=True, style="cyan")
    table.add_column("who", no_wrap=True)
    table.add_column("")
    for entry in scene.records.timeline(incident["id"]):
        table.add_row(f"{entry['at']:%H:%M:%S}", entry["kind"], Text(entry["actor"]), Text(entry["summary"]))
    console.print(table)


def show_figures(console: Console, scene: Scene, prefect_url: str, done: Sequence[Passed]) -> None:
    """The figures, the link, and the audit's verdict."""
    incident, lease = scene.records.incident(), scene.gated_lease()
    approval = scene.records.approval(incident["id"]) if incident else None
    if incident is None or approval is None or lease is None:
        return
    times = (
        ("TTD", incident["opened_at"] - incident["first_event_at"]),
        ("TTA", approval["decided_at"] - incident["opened_at"]),
        ("TTM", lease["applied_at"] - incident["first_event_at"]),
        ("TTR", incident["resolved_at"] - incident["first_event_at"]),
    )
    lines = Table.grid(padding=(0, 1))
    lines.add_row(Text("   ").join(Text.assemble((f"{name} ", "bold cyan"), _seconds(took)) for name, took in times))
    lines.add_row(Text("time to detect, acknowledge, mitigate and resolve", style="dim"))
    lines.add_row(Text.assemble(("people  ", "bold cyan"), _experience(scene)))
    lines.add_row(Text.assemble(("run     ", "bold cyan"), f"{prefect_url}/runs/flow-run/{incident['flow_run_id']}"))
    lines.add_row(Text.assemble(("audit verify: ok", "bold green"), (f"  {done[-1].evidence}", "dim")))
    console.print(Panel(lines, border_style="green", title="the loop is closed", title_align="left"))


def _seconds(took: timedelta) -> str:
    return f"{took.total_seconds():.1f} s"


def _experience(scene: Scene) -> str:
    parts = []
    for who, tally in (("at home", scene.customers), ("in the office", scene.office)):
        counts = tally.between()
        parts.append(f"{who} {counts[Answer.WELCOME]} of {counts.total()} got in")
    attacker = scene.attacker.between()
    stopped = attacker.total() - attacker[Answer.WRONG] - attacker[Answer.WELCOME]
    return f"{', '.join(parts)}; {stopped} of {attacker.total()} hostile tries were stopped"
