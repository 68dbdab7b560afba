"""Ports: taken or free, and by whom."""

import contextlib
import os
import socket
from pathlib import Path

from spine.errors import Refused


def require_free(host: str, port: int, what: str, setting: str) -> None:
    """Raises Refused, naming the port's user where the system tells, when `port` cannot be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            by = _user(port)
            raise Refused(
                "port.taken",
                f"Port {port} of {host}, where the {what} should listen, is taken{f' by {by}' if by else ''} "
                f"({error.strerror}). End that program, or choose another port: {setting}=<port>.",
            ) from error


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _user(port: int) -> str | None:
    """`program (pid n)` listening on `port`, from /proc; None where that cannot be told."""
    wanted = f":{port:04X}"
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                words = line.split()
                if words[1].endswith(wanted) and words[3] == "0A":
                    inodes.add(f"socket:[{words[9]}]")
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        with contextlib.suppress(OSError):
            if any(os.readlink(link) in inodes for link in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return None
