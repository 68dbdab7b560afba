"""PostgreSQL's own programs: where they are, whether they fit the server, and how they are run."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from spine.errors import Broken, Refused
from store.embedded import wheel_programs

_DEBIAN = Path("/usr/lib/postgresql")
_TAIL = 2_000
"""Characters of what a program said that are told when it fails."""


def server_major(url: str) -> int:
    """The major version of the server at `url`."""
    with psycopg.connect(url) as connection:
        return connection.info.server_version // 10_000


def program(name: str, major: int) -> Path:
    """`pg_dump` or `pg_restore` that can read a server of `major`: of its own version if there is one, else a newer.

    Raises:
        Refused: there is none on this machine.
    """
    known = {found: _major(found) for found in _candidates(name)}
    fitting = [(version, found) for found, version in known.items() if version >= major]
    if fitting:
        return min(fitting, key=lambda one: one[0])[1]
    seen = ", ".join(f"{found} ({version})" for found, version in known.items()) or "none at all"
    raise Refused(
        "backup.program",
        f"The server is PostgreSQL {major}, and no {name} of version {major} or newer is on this machine (found: "
        f"{seen}). Nothing was done. Install it, for instance `apt-get install postgresql-client-{major}`.",
    )


def run(found: Path, arguments: Sequence[str], url: str) -> None:
    """Run a program on the database at `url`. Its password goes by the environment, where `ps` does not show it.

    Raises:
        Broken: it failed; what it said is in the message.
    """
    done = subprocess.run(
        [str(found), *arguments], env={**os.environ, **_environment(url)}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Broken(f"{found.name} failed with exit code {done.returncode}. It said: {done.stderr.strip()[-_TAIL:]}")


def _environment(url: str) -> dict[str, str]:
    names = {one.keyword.decode(): one.envvar.decode() for one in pq.Conninfo.get_defaults() if one.envvar}
    plain = re.sub(r"^postgres(ql)?\+\w+://", "postgresql://", url)
    return {names[key]: str(value) for key, value in conninfo_to_dict(plain).items() if key in names}


def _candidates(name: str) -> list[Path]:
    places = [wheel_programs(), shutil.which(name), *sorted(_DEBIAN.glob(f"*/bin/{name}"))]
    found = [Path(one) / name if one and Path(one).is_dir() else Path(one) for one in places if one]
    return [one for one in dict.fromkeys(found) if os.access(one, os.X_OK)]


@cache
def _major(found: Path) -> int:
    told = subprocess.run([str(found), "--version"], capture_output=True, text=True, check=False).stdout
    number = re.search(r"(\d+)(\.\d+|devel|beta|rc)", told)
    return int(number.group(1)) if number else 0
