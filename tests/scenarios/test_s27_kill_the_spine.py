"""27. SIGKILL of every process of the spine, at several moments between approval and end: nothing lost or doubled."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from spine.incident import IncidentStatus as Status

pytestmark = pytest.mark.timeout(420)
KILLS = [
    ("runner", Status.AWAITING_APPROVAL),
    ("prefect", Status.MITIGATING),
    ("postgres", Status.AWAITING_APPROVAL),
    ("gateway", Status.MITIGATING),
    ("postgres", Status.VERIFYING),
    ("supervisor", Status.MITIGATING),
]
"""Which process dies, at which state of an incident that was just approved."""


def test_s27_any_process_may_be_killed_at_any_moment(calm_stack: Any, cast: Callable[[Any], Any]) -> None:
    robins = [cast(calm_stack) for _ in KILLS]
    flags = [robin.tenant.flags() for robin in robins]
    with ThreadPoolExecutor(len(KILLS)) as pool:
        asked = list(pool.map(lambda robin: robin.tenant.asked(), robins))
    with ExitStack() as lives:
        for robin, question, (part, moment) in zip(robins, asked, KILLS, strict=True):
            lives.enter_context(robin.tenant.life())
            _approve_and_kill(calm_stack, robin, question, part, moment)
        for robin in robins:
            robin.tenant.ends()
    for robin, before in zip(robins, flags, strict=True):
        assert robin.tenant.count("incidents") == 1
        assert len(robin.tenant.audited("approval.decided")) == 1
        assert robin.tenant.flags() == before, "every flag is at its exact prior version"
        robin.tenant.settled("rate_limit.strict", "ip.throttle")


def _approve_and_kill(stack: Any, robin: Any, question: Any, part: str, moment: Status) -> None:
    assert robin.slack(question) == {}
    later = {Status.AWAITING_APPROVAL: 0, Status.MITIGATING: 1, Status.VERIFYING: 2}
    stack.until(lambda: later.get(robin.tenant.status(), 3) >= later[moment], f"{moment.value} or later", pause=0.02)
    if part == "supervisor":
        stack.process.kill()
        stack.process.wait()
        stack.up()  # what an init system does
    else:
        pids = {name: _pid(stack, name) for name in ((part, "relay") if part == "gateway" else (part,))}
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        stack.until(lambda: all(_pid(stack, name) != pid for name, pid in pids.items()), f"{part} was started again")
    stack.until(lambda: _ready(stack), f"all is well again after {part} was killed")


def _pid(stack: Any, part: str) -> int:
    if part == "postgres":
        return int((stack.folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    return int(stack.state["pids"][part])


def _ready(stack: Any) -> bool:
    """Everybody answers; the runner has a process whose runs start."""
    gateway = stack.http.get(f"{stack.state['gateway_url']}/readyz").status_code
    prefect = stack.http.get(f"{stack.state['prefect_url']}/api/health").status_code
    return gateway == prefect == 200 and all(Path(f"/proc/{pid}").exists() for pid in stack.state["pids"].values())
