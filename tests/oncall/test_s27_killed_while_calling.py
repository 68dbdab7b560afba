"""Scenario 27 for calling people: SIGKILL at any moment, and nobody is called twice, or forgotten."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from spine.clock import SystemClock

_ROUNDS = """
import sys
from spine.clock import SystemClock
from spine.settings import Settings, SmtpSettings
from store.engine import Database
from tasks.escalating import call_people

database = Database(sys.argv[1])
settings = Settings(smtp=SmtpSettings(host="127.0.0.1", port=1))
print("ready", flush=True)
while True:
    call_people(database, settings, SystemClock().now())
"""


def test_s27_killed_again_and_again_while_calling_nobody_is_called_twice_or_forgotten(calls: Any) -> None:
    calls.clock._now = SystemClock().now()
    calls.policy(*({"targets": [f"person:{name}@example.org"]} for name in ("ann", "bob", "carol")), repeat=0)
    incidents = [calls.incident(f"subject-{number}") for number in range(12)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for _ in range(4):
        program = [sys.executable, "-c", _ROUNDS, calls.database.url]
        process = subprocess.Popen(program, stdout=subprocess.PIPE, env=environment)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.08)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        process.stdout.close()
    calls.clock._now = SystemClock().now()
    calls.round()
    for incident in incidents:
        assert calls.called(incident) == ["Ann", "Bob", "Carol"]
    with calls.database.system() as connection:
        told = connection.execute(text("select count(*), count(distinct payload ->> 'page') from outbox")).one()
        pages = connection.execute(text("select count(*) from oncall_pages")).scalar_one()
    assert tuple(told) == (36, 36)
    assert pages == 36
