"""The demo: a real login page, a real attack, and the spine's answer, watched from the first to the last stage."""

import asyncio
import contextlib
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from deployments.demo.approver import ByHand, Scripted
from deployments.demo.environment import LEASE_SECONDS, TENANT, VERIFY_HOLD_SECONDS, VERIFY_SETTLE_SECONDS, Ports
from deployments.demo.history import write_history
from deployments.demo.onboard import Onboarded, onboard
from deployments.demo.option import DemoOptions
from deployments.demo.records import Records
from deployments.demo.scene import Flags, Scene
from deployments.demo.screen import RichScreen
from deployments.demo.slack import SlackWorkspace
from deployments.demo.stack import Stack
from deployments.demo.stage import HopelessError, Passed, StageMissedError, play
from deployments.demo.story import effect, ending, peace, response
from deployments.demo.summary import show_figures, show_timeline
from deployments.demo.traffic.crowd import CUSTOMERS_PER_SECOND, MISTYPES, OFFICE_PER_SECOND, Crowd
from deployments.demo.traffic.population import Population, populate
from store.audit import head, verify
from store.engine import Database

_VERDICT_SLACK_SECONDS = 30
_LEASE_SLACK_SECONDS = 45
_HISTORY_SHARE = 0.5
"""The week's busiest hour against today's traffic: enough for baselines, and quickly ingested."""


def run_demo(options: DemoOptions, console: Console | None = None) -> int:
    """Play the demo; 0 only if every stage really happened."""
    console = console or Console()
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(_guarded(options, console))
    return 130


async def _guarded(options: DemoOptions, console: Console) -> int:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    folder = Path(tempfile.mkdtemp(prefix="opsspine-demo-"))
    folder.chmod(0o755)  # PostgreSQL drops root and has to reach its own folder
    code = 1
    try:
        code = await Demo(options, console, folder).play()
    except StageMissedError as error:
        console.print(f"\n[bold red]The loop was not closed[/] at the stage {error.stage.name!r}. Logs: {folder}/logs")
    except asyncio.CancelledError:
        console.print("\nInterrupted; everything was stopped.")
        code = 130
    if code != 1 and not (options.keep and code == 0):
        shutil.rmtree(folder, ignore_errors=True)
    return code


class Demo:
    """One playing of the demo in one folder."""

    def __init__(self, options: DemoOptions, console: Console, folder: Path) -> None:
        self.options = options
        self.console = console
        self.folder = folder
        self.population = populate()
        self.ports = Ports()
        self.slack = SlackWorkspace(self.ports.slack, f"http://127.0.0.1:{self.ports.gateway}")
        self.stack = Stack(folder, options, self.slack, self.ports)
        self.scene: Scene | None = None

    async def play(self) -> int:
        """Play every stage, in order.

        Raises:
            StageMissedError: one did not happen.
        """
        keep = False
        try:
            with RichScreen(self.console, self._traffic) as screen:
                done = await self._play(screen)
            assert self.scene is not None
            instance = self.stack.instance() or {}
            show_timeline(self.console, self.scene)
            show_figures(self.console, self.scene, instance["prefect_url"], done)
            keep = self.options.keep
            if keep:
                self._show_kept(instance)
        finally:
            if not keep:
                with self.console.status("Stopping everything …"):
                    self.stack.stop()
        return 0

    async def _play(self, screen: RichScreen) -> list[Passed]:
        history = self.folder / "history.parquet"
        preparing = asyncio.create_task(asyncio.to_thread(_write_history, history, self.population))
        done = await play([peace.up(self.stack)], screen)
        database = Database((self.stack.instance() or {})["database_url"], application="demo")
        onboarded = await asyncio.to_thread(onboard, database, self.folder, self.slack.approver)
        self.scene = scene = self._scene(database, onboarded)
        crowd = Crowd(self.stack.shop_url, self.population)
        async with self._approver(onboarded), _leaving(crowd):
            stages = [
                peace.history(scene, self.stack, history, await preparing),
                peace.people(scene, partial(self._open_shop, scene, crowd, onboarded)),
                *response.stages(scene, partial(crowd.start_attack, scene.attacker), self.options.approve),
                *effect.stages(scene, VERIFY_SETTLE_SECONDS + VERIFY_HOLD_SECONDS + _VERDICT_SLACK_SECONDS),
                *ending.stages(
                    scene, crowd.end_attack, partial(_verify_audit, database), LEASE_SECONDS + _LEASE_SLACK_SECONDS
                ),
            ]
            return done + await play(stages, screen)

    def _scene(self, database: Database, onboarded: Onboarded) -> Scene:
        gateway = f"http://127.0.0.1:{self.ports.gateway}"
        records = Records(database, TENANT, datetime.now(UTC))
        return Scene(records, Flags(gateway, onboarded.api_key), self.population, self.slack.prompts)

    async def _open_shop(self, scene: Scene, crowd: Crowd, onboarded: Onboarded) -> None:
        await asyncio.to_thread(self.stack.start_shop, self.population, onboarded.api_key)
        crowd.welcome_people(scene.customers, scene.office)

    @asynccontextmanager
    async def _approver(self, onboarded: Onboarded) -> AsyncIterator[None]:
        """Somebody who decides, for as long as the demo plays."""
        secret = onboarded.totp_secret
        by_hand = self.options.approve == "by-hand"
        who = ByHand(self.console, self.slack, self.folder, secret) if by_hand else Scripted(self.slack, secret)
        task = asyncio.create_task(who.watch())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def _traffic(self) -> str:
        return self.scene.traffic() if self.scene else "nobody is here yet"

    def _show_kept(self, instance: dict[str, str]) -> None:
        pids = " ".join(str(pid) for pid in self.stack.pids)
        self.console.print(
            f"Still running:\n  the shop    {self.stack.shop_url}/login\n  gateway     {instance['gateway_url']}\n"
            f"  Prefect UI  {instance['prefect_url']}\n"
            f"  commands    OPSSPINE_DATA_DIR={self.folder} opsspine status\n  to stop     kill {pids}",
            soft_wrap=True,
            highlight=False,
        )


@asynccontextmanager
async def _leaving(crowd: Crowd) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await crowd.leave()


def _write_history(file: Path, population: Population) -> int:
    at_home = _HISTORY_SHARE * CUSTOMERS_PER_SECOND / len(population.customers)
    in_office = _HISTORY_SHARE * OFFICE_PER_SECOND / len(population.office)
    visitors = [(v, at_home) for v in population.customers] + [(v, in_office) for v in population.office]
    return write_history(file, visitors, until=datetime.now(UTC), mistypes=MISTYPES)


def _verify_audit(database: Database) -> str:
    with database.system() as connection:
        bad, last = verify(connection, TENANT), head(connection, TENANT)
    if bad is not None or last is None:
        raise HopelessError(f"the audit trail is broken: {bad or 'it is empty'}")
    return f"{last.seq} entries, one unbroken chain, head {last.hash.hex()[:12]}"
