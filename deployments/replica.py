"""`python -m deployments.replica <module>`: becomes <module>, talking to a Prefect server that answers.

For runners: Prefect reads its server's address once, when it is imported, so it is chosen before. Gateways and relays
choose at each call (blocks/replica.py). Where a load balancer stands before the servers nobody needs this.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

import structlog

from blocks.listening import first_listening, listens
from spine.settings import Settings

_LOOK_SECONDS = 1.0
SILENT = 75
"""Exit code of a process whose server is silent while another one answers (EX_TEMPFAIL)."""
_log = structlog.get_logger(__name__)


async def leave_silent(mine: str, urls: Sequence[str], silence_seconds: float) -> NoReturn:
    """End this process once `mine` has been silent for so long while another of `urls` answers.

    Runs under way end with it: reconcile continues each of them in another one.
    """
    others = [url for url in urls if url != mine]
    heard = time.monotonic()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if await listens(mine):
            heard = time.monotonic()
        elif time.monotonic() - heard > silence_seconds and await first_listening(others):
            _log.warning("the Prefect server is silent; this process ends, to start again with another", server=mine)
            os._exit(SILENT)


async def _first(urls: Sequence[str]) -> str:
    """The first that answers, as soon as anybody does."""
    while (url := await first_listening(urls)) is None:
        await asyncio.sleep(_LOOK_SECONDS)
    return url


def main() -> NoReturn:
    """Choose, then be the module that was named."""
    os.environ["PREFECT_API_URL"] = asyncio.run(_first(Settings().prefect.urls))
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])  # noqa: S606 - our own interpreter


if __name__ == "__main__":
    main()
