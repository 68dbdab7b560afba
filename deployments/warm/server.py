"""The warm process: imports everything once, then forks a child for each run it is asked to start.

One connection per run (deployments/warm/launcher.py): it brings the environment and the standard streams, gets
the exit code, and when it breaks the run is killed, so that killing the launcher kills the run.
"""

import array
import contextlib
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from deployments.observing import finish, observe
from deployments.process import end_with_parent
from flows.context import settings
from spine.detect import detectors
from tasks.checks import checks
from tasks.mitigations import actions
from tasks.notifiers import notifiers

_STREAMS = 3
_MOST = 16 << 20


def main(path: str) -> None:
    """Serve on the unix socket `path` until the parent ends."""
    _import_everything()
    gc.collect()
    gc.freeze()  # what is shared stays shared: no child copies it by collecting
    listener = socket.socket(socket.AF_UNIX)
    Path(path).unlink(missing_ok=True)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(64)
    _serve(listener)


_NEEDED = (
    "flows.check_health",
    "flows.detect",
    "flows.drill",
    "flows.ml_rank",
    "flows.ml_retrain",
    "flows.obey",
    "flows.operate",
    "flows.reconcile",
    "flows.report",
    "flows.respond",
    "flows.retain",
    "prefect.flow_engine",
    # what libraries find by name at first use
    "anyio._backends._asyncio",
    "encodings.idna",
    "pyarrow.pandas_compat",
    "sqlalchemy.dialects.postgresql.psycopg",
)


def _import_everything() -> None:
    """All that a run needs, and what is found by name only when it is first asked for."""
    for name in _NEEDED:
        import_module(name)
    for found_by_name in (checks, detectors, actions, notifiers):
        found_by_name()


def _serve(listener: socket.socket) -> NoReturn:
    """Fork on request, report ends, kill what lost its launcher."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    runs: dict[int, socket.socket] = {}
    while True:
        watched: list[socket.socket | int] = [listener, woken, *runs.values()]
        ready, _, _ = select.select(watched, [], [])
        if woken in ready:
            os.read(woken, 4096)
            _report(runs)
        if listener in ready:
            connection, _ = listener.accept()
            with contextlib.suppress(OSError, ValueError, KeyError):
                runs[_start(connection, [listener, *runs.values()], (woken, wake))] = connection
        for pid, connection in list(runs.items()):
            if connection in ready and not _told(connection, pid):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)


def _start(connection: socket.socket, others: list[socket.socket], pipe: tuple[int, int]) -> int:
    """Fork the run that `connection` asks for; returns its pid."""
    request, streams = _request(connection)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            for other in (*others, connection):
                other.close()
            for end in pipe:
                os.close(end)
            code = _run(request, streams)
        finally:
            os._exit(code)
    for stream in streams:
        os.close(stream)
    return pid


def _request(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The environment, folder and arguments of a run, and its standard streams."""
    room = socket.CMSG_SPACE(_STREAMS * array.array("i").itemsize)
    head, ancillary, _, _ = connection.recvmsg(8, room)
    streams = array.array("i")
    for _, _, data in ancillary:
        streams.frombytes(data[: len(data) - len(data) % streams.itemsize])
    size = int.from_bytes(head, "big")
    if size > _MOST:
        raise ValueError("a request this large is none of ours")
    body = b""
    while len(body) < size:
        part = connection.recv(size - len(body))
        if not part:
            raise ValueError("the request ended early")
        body += part
    return dict(json.loads(body)), list(streams)


def _run(request: dict[str, Any], streams: list[int]) -> int:
    """In the child: become the run, as `python -m <module>` would have."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    end_with_parent(signal.SIGKILL)
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    observe("run", settings())
    sys.argv = list(request["arguments"])
    try:
        sys.modules.pop(request["module"], None)
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        finish()
        threading._shutdown()  # type: ignore[attr-defined]  # as an interpreter ends: log threads send their rest
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
    return 0


def _report(runs: dict[int, socket.socket]) -> None:
    """Tell launchers how their runs ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        connection = runs.pop(pid, None)
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
            connection.close()


def _told(connection: socket.socket, pid: int) -> bool:
    """Pass on the signal a launcher sends; False when the launcher is gone."""
    try:
        message = connection.recv(1)
    except OSError:
        return False
    if not message:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, message[0])
    return True


if __name__ == "__main__":
    main(sys.argv[1])
