"""Progress as people like to see it: what happened, with its evidence, and what is being waited for."""

import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from deployments.demo.stage import Passed, Stage, StageMissedError

_TITLE_WIDTH = 34


class RichScreen:
    """Prints each stage as it happens; on a terminal, below them, the stage awaited and the traffic now."""

    def __init__(self, console: Console, traffic: Callable[[], str]) -> None:
        self._console = console
        self._traffic = traffic
        self._began = time.monotonic()
        self._stage: Stage | None = None
        self._stage_began = 0.0
        self._live: Live | None = None

    def __enter__(self) -> "RichScreen":
        self._console.print(Rule("[bold]opsspine[/]  a real login page, a real attack", style="cyan"))
        if self._console.is_terminal:
            self._live = Live(get_renderable=self._awaited, console=self._console, refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def began(self, stage: Stage) -> None:
        """Show what is being waited for."""
        self._stage, self._stage_began = stage, time.monotonic()

    def passed(self, passed: Passed) -> None:
        """Print what happened, with its evidence."""
        self._stage = None
        self._console.print(self._line("[bold green]✔[/]", passed.stage.title, passed.evidence))

    def missed(self, error: StageMissedError) -> None:
        """Print what did not happen, and why."""
        self._stage = None
        self._console.print(self._line("[bold red]✘[/]", error.stage.title, f"[red]{error.why}[/]"))

    def _line(self, mark: str, title: str, evidence: str) -> RenderableType:
        line = Table.grid(padding=(0, 1))
        line.add_column(width=1)
        line.add_column(width=6, justify="right", style="dim")
        line.add_column(width=_TITLE_WIDTH, style="bold")
        line.add_column(ratio=1)
        line.add_row(mark, f"{time.monotonic() - self._began:.1f}s", title, Text.from_markup(evidence))
        return line

    def _awaited(self) -> RenderableType:
        if self._stage is None:
            return Text("")
        waited = time.monotonic() - self._stage_began
        spinner = Spinner("dots", Text(f" {self._stage.title} … {waited:.0f} s"), style="cyan")
        return Group(spinner, Text.from_markup(f"    {self._traffic()}", style="dim"))
