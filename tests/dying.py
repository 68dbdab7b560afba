"""A process that moves a lease and dies by SIGKILL at a chosen step.

Started once; for every job it forks a child, so that a death costs milliseconds. A job is one line of JSON on
stdin: {"url", "webhook", "lease", "fence", "move": "apply" | "revert", "die": "commit:2" | "after:2" |
"send" | "sent" | ""}. For each job one line comes back: the child's exit status (negative = its signal).
"""

import json
import os
import signal
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import event

from spine.settings import Settings
from store.engine import Database
from tasks.leasing import apply_lease, ports_of, revert_lease


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(database: Database, die: str) -> None:
    """Die before the n-th COMMIT is sent, or right after it was answered."""
    moment, _, number = die.partition(":")
    seen = SimpleNamespace(commits=0)

    def before(_: object) -> None:
        seen.commits += 1
        if moment == "commit" and seen.commits == int(number):
            _die()

    def after(*_: object) -> None:
        if moment == "after" and seen.commits == int(number):
            _die()

    event.listen(database.engine, "commit", before)
    event.listen(database.engine, "checkin", after)


class _Mortal:
    """The webhook, with a death before it is sent or after it was answered."""

    def __init__(self, real: Any, die: str) -> None:
        self._real, self._die = real, die

    def send(self, lease: Any, phase: Any) -> Any:
        if self._die == "send":
            _die()
        answer = self._real.send(lease, phase)
        if self._die == "sent":
            _die()
        return answer


def _run(job: dict[str, Any]) -> None:
    database = Database(job["url"])
    _arm(database, job["die"])
    settings = Settings(env="prod", webhook={"url": job["webhook"], "secret": job["secret"]})
    ports = ports_of(settings)
    ports = replace(ports, webhook=_Mortal(ports.webhook, job["die"]))
    if job["move"] == "apply":
        apply_lease(database, UUID(job["lease"]), fence=job["fence"], ports=ports)
    else:
        revert_lease(database, UUID(job["lease"]), reason="test", ports=ports)


def main() -> None:
    """Serve jobs until stdin ends."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(json.loads(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(-status if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
