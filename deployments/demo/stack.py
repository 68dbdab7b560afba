"""The programs of the demo: the fake Slack, the spine, the shop. Whatever was started here is stopped here."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from deployments.demo.environment import TENANT, Ports, clean_environment, shop_environment, spine_environment
from deployments.demo.option import DemoOptions
from deployments.demo.program import Program
from deployments.demo.slack import SlackWorkspace
from deployments.demo.stage import HopelessError
from deployments.demo.traffic.population import Population, write_accounts
from deployments.instance import STATE_FILE

_INGEST_SECONDS = 120


class Stack:
    """One demo's programs, in one folder."""

    def __init__(self, folder: Path, options: DemoOptions, slack: SlackWorkspace, ports: Ports) -> None:
        self.folder = folder
        self.ports = ports
        self._off = options.off
        self._logs = folder / "demo"
        self._logs.mkdir()
        self._environment = spine_environment(folder, ports, slack.settings(), options.off)
        self._spine = Program("spine", ("deployments.supervisor",), self._environment, self._logs / "spine.log", 60)
        self._slack = Program("slack", slack.module, clean_environment(), self._logs / "slack.log")
        self._programs: list[Program] = []

    def start_spine(self) -> None:
        """Start Slack and the spine; `instance()` tells when it is ready."""
        for program in (self._slack, self._spine):
            self._programs.append(program.start())

    def instance(self) -> dict[str, Any] | None:
        """What the spine wrote down about itself once it was ready, else None.

        Raises:
            HopelessError: it ended instead.
        """
        if self._spine.ended:
            raise HopelessError(f"the spine ended:\n{self._spine.last_words()}")
        file = self.folder / STATE_FILE
        if not file.exists():
            return None
        state: dict[str, Any] = json.loads(file.read_text())
        return state

    def ingest(self, file: Path) -> float:
        """`opsspine ingest` the history; returns how long it took, in seconds."""
        began = time.monotonic()
        command = ["ingest", str(file), "--format", "parquet", "--tenant", TENANT]
        done = subprocess.run(
            [sys.executable, "-c", "from deployments.cli import app; app()", *command],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_INGEST_SECONDS,
            check=False,
        )
        if done.returncode:
            raise HopelessError(f"opsspine ingest failed: {done.stderr[-500:] or done.stdout[-500:]}")
        return time.monotonic() - began

    def start_shop(self, population: Population, api_key: str) -> None:
        """Start the application with its users, and wait until it answers."""
        users = self.folder / "demo" / "users.ndjson"
        write_accounts(population.members, users)
        environment = shop_environment(self._logs, self.ports, api_key, users, self._off)
        shop = Program("shop", ("deployments.demo.app",), environment, self._logs / "shop.log")
        self._programs.append(shop.start())
        until = time.monotonic() + 20
        while not _answers(f"{self.shop_url}/alive"):
            if shop.ended or time.monotonic() > until:
                raise HopelessError(f"the shop did not start:\n{shop.last_words()}")
            time.sleep(0.1)

    @property
    def shop_url(self) -> str:
        """Where people log in."""
        return f"http://127.0.0.1:{self.ports.shop}"

    @property
    def pids(self) -> list[int]:
        """Of everything that was started here; ending these ends everything."""
        return [program.pid for program in self._programs if program.pid and not program.ended]

    def stop(self) -> None:
        """End everything, last started first."""
        for program in reversed(self._programs):
            program.ask_to_stop()
        for program in reversed(self._programs):
            program.stop()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
