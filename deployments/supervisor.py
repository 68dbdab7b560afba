"""One process that owns all others: PostgreSQL, Prefect server, gateway, runner and relay.

Run by `opsspine up` (`python -m deployments.supervisor` in the foreground). What dies is started again;
what it started ends with it.
"""

import contextlib
import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import httpx

from deployments.database_watch import DatabaseWatch
from deployments.environment import child_environment, log_folder, sibling_database
from deployments.instance import READY_FILE, STATE_FILE
from deployments.port import require_free
from deployments.process import Child
from spine.errors import Broken, OpsSpineError, Refused
from spine.settings import Settings
from store.embedded import EmbeddedPostgres
from store.engine import Database
from store.migrate import migrate
from store.secrets import Vault, first_key
from tasks.notifiers import checked

_POLL_SECONDS = 0.1
_READY_SECONDS = 240
"""How long each part may take to answer at the start, on a machine that is busy with other things, too."""


class Supervisor:
    """Starts everything in the order it depends on each other, watches it, and stops it in reverse."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.children: list[Child] = []
        self.postgres: EmbeddedPostgres | None = None
        self._stop = threading.Event()
        self._lock: IO[str] | None = None
        self._database: DatabaseWatch | None = None

    def run(self) -> None:
        """Everything, until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        self._claim_folder()
        with self._postgres() as (ours, prefects):
            try:
                self.start_parts(ours, prefects)
                self._write_state(ours)
                self._database = DatabaseWatch(ours)
                while not self._stop.wait(0.5):
                    self._watch()
            finally:  # while their database still answers
                self._stop_all()

    def _claim_folder(self) -> None:
        folder = self.settings.data_dir
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = open(folder / "supervisor.lock", "w")  # noqa: SIM115 - held until the process ends
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(
                "supervisor.running",
                f"A spine is already running in {folder}. `opsspine status` shows it, `opsspine down` stops it; "
                "for a second one choose another folder: OPSSPINE_DATA_DIR=<folder>.",
            ) from error
        for left in (STATE_FILE, READY_FILE):
            (folder / left).unlink(missing_ok=True)
        self.require_ports()

    def require_ports(self) -> None:
        """Raises Refused when somebody listens where a part of ours should."""
        gateway, prefect = self.settings.gateway, self.settings.prefect
        require_free(gateway.host, gateway.port, "gateway", "OPSSPINE_GATEWAY__PORT")
        if prefect.api_url is None:
            require_free(prefect.host, prefect.port, "Prefect server", "OPSSPINE_PREFECT__PORT")

    @contextlib.contextmanager
    def _postgres(self) -> Iterator[tuple[str, str]]:
        """URLs of our database and of Prefect's."""
        if self.settings.database_url:
            yield self.settings.database_url, sibling_database(self.settings.database_url, "prefect")
            return
        with EmbeddedPostgres(self.settings.data_dir / "postgres") as self.postgres:
            yield self.postgres.create_database("opsspine"), self.postgres.create_database("prefect")

    def start_parts(self, ours: str, prefects: str) -> None:
        """Start every process over our database and Prefect's; return once all of it works."""
        environment = child_environment(self.settings, ours, prefects)
        logs = log_folder(self.settings)

        def child(name: str, *command: str, stop_signal: signal.Signals = signal.SIGTERM) -> Child:
            made = Child(
                name, [sys.executable, "-m", *command], environment, logs / f"{name}.log", stop_signal=stop_signal
            )
            self.children.append(made)
            made.start()
            return made

        if self.settings.prefect.api_url is None:  # the slowest to start goes first
            child("prefect", "prefect", "server", "start")
        database = Database(ours)
        migrate(database)
        self.make_key(database)
        database.close()
        # On SIGTERM the runner cancels its runs, and a cancelled run means that a person said stop. The ledger
        # needs no goodbye: what was under way goes on at the next start.
        child("runner", "deployments.serve", stop_signal=signal.SIGKILL)
        for name, module in residents(self.settings).items():
            child(name, module)
        with httpx.Client(timeout=2, trust_env=False) as client:
            self.await_answer(client, f"{self.settings.prefect.url}/health")
            self.await_answer(client, f"{self.settings.gateway.url}/readyz")
        self.await_file(self.settings.data_dir / READY_FILE)

    def make_key(self, database: Database) -> None:
        """See to it that there is a key to seal second factors with."""
        with database.system() as connection:
            first_key(connection, self.settings)
        try:
            Vault.of(self.settings)
        except Broken as error:  # it detects and tells all the same; only nobody can decide by a second factor
            print(f"warning: {error}", file=sys.stderr, flush=True)

    def await_answer(self, client: httpx.Client, url: str) -> None:
        """Return once `url` answers 200; what dies meanwhile is started again."""
        self._until(lambda: _answers(client, url), f"{url} did not answer")

    def await_file(self, file: Path) -> None:
        """Return once a runner has written `file`."""
        self._until(file.exists, "the runner did not register its deployments")

    def _until(self, done: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + _READY_SECONDS
        while not done():
            if self._stop.is_set():
                raise SystemExit(0)
            self._watch()
            if time.monotonic() > until:
                raise Broken(f"{what} within {_READY_SECONDS} s. The logs are in {log_folder(self.settings)}.")
            time.sleep(_POLL_SECONDS)

    def state(self, ours: str) -> dict[str, Any]:
        """What other processes of this machine need to know of this instance."""
        return {
            "pid": os.getpid(),
            "database_url": ours,
            "gateway_url": self.settings.gateway.url,
            "prefect_url": self.settings.prefect.ui_url,
            "started_at": datetime.now(UTC).isoformat(),
            "pids": {c.name: c.process.pid for c in self.children if c.process},
        }

    def _write_state(self, ours: str) -> None:
        file = self.settings.data_dir / STATE_FILE
        fresh = file.with_suffix(".new")
        descriptor = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)  # it bears the password
        with os.fdopen(descriptor, "w") as opened:
            json.dump(self.state(ours), opened, indent=2)
        fresh.replace(file)

    def _watch(self) -> None:
        self._watch_postgres()
        if self._database is not None and (news := self._database.look()):
            _say(news)
        changed = False
        for child in self.children:
            if news := child.watch():
                _say(news)
                changed = True
        file = self.settings.data_dir / STATE_FILE
        if changed and file.exists():
            state = json.loads(file.read_text())
            self._write_state(state["database_url"])

    def _watch_postgres(self) -> None:
        try:
            if self.postgres is not None and self.postgres.revive():
                print("PostgreSQL had ended and was started again", flush=True)
        except (OpsSpineError, OSError) as error:  # tried again at the next look
            print(f"PostgreSQL has ended and does not start: {error}", file=sys.stderr, flush=True)

    def _stop_all(self) -> None:
        (self.settings.data_dir / STATE_FILE).unlink(missing_ok=True)
        for child in self.children:
            child.ask_to_stop()
        for child in reversed(self.children):
            child.stop()
        (self.settings.data_dir / READY_FILE).unlink(missing_ok=True)


def _say(news: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {news}", flush=True)


def residents(settings: Settings) -> dict[str, str]:
    """Our own processes beside the runner, each with its module; Socket Mode only where it is set up."""
    always = {"gateway": "deployments.gateway", "relay": "deployments.relay"}
    return {**always, "slack": "deployments.slack_socket"} if settings.slack.app_token else always


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def main() -> int:
    """The supervisor in the foreground; 1 and a sentence when it cannot start."""
    try:
        Supervisor(checked(Settings())).run()
    except OpsSpineError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
