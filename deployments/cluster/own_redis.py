"""A Redis of the cluster's own: loopback, with a password, and what it was told survives its death."""

import os
import secrets
import shutil
from pathlib import Path

_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
save ""
"""


def prepare(folder: Path, port: int) -> tuple[list[str], str]:
    """Write its configuration below `folder`; returns the command that runs it, and its URL."""
    folder.mkdir(parents=True, exist_ok=True)
    password = secret(folder / "password")
    file = folder / "redis.conf"
    _private(file, _CONFIGURATION.format(port=port, password=password, folder=folder))
    return [str(shutil.which("redis-server")), str(file)], f"redis://:{password}@127.0.0.1:{port}/0"


def secret(file: Path) -> str:
    """What `file` holds; made up and written (0600) the first time."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        _private(file, secrets.token_urlsafe(24))
    return file.read_text()


def answers(url: str) -> bool:
    """Whether the Redis at `url` takes commands."""
    import redis  # an extra: nothing but a cluster needs it

    with redis.Redis.from_url(url, socket_timeout=2) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def _private(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
