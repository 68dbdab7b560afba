"""`python -m deployments.gateway`: the HTTP edge, in as many processes as the machine has cores."""

import os
import resource
import shutil
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

import uvicorn

from deployments.fork import Workers
from deployments.log import configure
from spine.settings import Settings

_MOST_WORKERS = 4
"""Unless somebody asks for more: each takes memory and connections to PostgreSQL."""


def main() -> int:
    """Serve until ended."""
    configure("gateway")
    _open_files()
    settings = Settings()
    count = settings.gateway.workers or min(_cores(), _MOST_WORKERS)
    listener = uvicorn.Config("", host=settings.gateway.host, port=settings.gateway.port, log_config=None).bind_socket()
    if count == 1:
        import_module("deployments.edge").serve(listener, settings, count)
        return 0
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_fresh(settings.data_dir / f"counted-{settings.gateway.port}"))
    edge = import_module("deployments.edge")  # only now: Prometheus's library looks at that when it is imported
    return Workers(partial(edge.serve, listener, settings, count), count, edge.gone).run()


def _fresh(folder: Path) -> Path:
    """An empty folder, for what the workers count together; a launcher that was killed left its own behind."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def _cores() -> int:
    """Those this process may use; 1 where no kernel ends the workers of a launcher that was killed."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


def _open_files() -> None:
    """As many as the system lets us: every open stream is one, and a shell's usual 1,024 are soon gone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
