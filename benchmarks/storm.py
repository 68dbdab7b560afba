"""A storm: a thousand tenants attacked at once, while Slack answers 429. When are the criticals told?

python -m benchmarks.storm [--tenants 1000] [--criticals 50] [--silence-seconds 30]

Events go through the ingest, detection's tick opens the incidents, a relay process delivers them over HTTP to a fake
Slack that keeps Slack's published limits (one message a second to a channel, 50 edits and 50 looks into a history a
minute) and at the beginning answers 429 with a Retry-After of `--silence-seconds`. Everything goes to one channel:
with more than one critical a second for long nobody could do better. Times count from the incident's opening, which
is the beginning of the tick that found it, to the receipt of its message.
"""

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import uvicorn
from sqlalchemy import text

from benchmarks.server import database
from deployments.demo.fake_slack import FakeSlack, create_app
from deployments.demo.fake_slack.workspace import Fault
from spine.settings import Settings
from spine.severity import Severity
from store.bulk import ingest_frame
from store.engine import Database
from tasks.detecting import tick

USERS = 60
"""Whom an attacker tries from his one address in each tenant; each has a home and a history, too."""
GOAL_SECONDS = 90
_LIMITS = {"chat.postMessage": (1, 1.0), "chat.update": (50, 60.0), "conversations.history": (50, 60.0)}
"""Source: Slack's rate limits, tiers 3 and "special" (docs.slack.dev/apis/web-api/rate-limits)."""
_PATIENCE_SECONDS = 900


def main() -> None:
    """Attack, relay, and print when what was told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--criticals", type=int, default=50)
    parser.add_argument("--silence-seconds", type=int, default=30)
    options = parser.parse_args()
    slack = FakeSlack(limits=dict(_LIMITS))
    slack.faults["chat.postMessage"] = Fault(429, "ratelimited", options.silence_seconds, times=1)
    settings = Settings(env="prod")
    settings.notify.mode = ["slack"]
    with database() as db, _served(slack):
        with _relay(db, slack):
            _attack(db, options.tenants, options.criticals)
            began = datetime.now(UTC)
            result = tick(db, settings, began)
            print(result.sentence)
            took = _until_told(db, began)
        _report(db, slack, took)


def _attack(db: Database, tenants: int, criticals: int) -> None:
    """A week of quiet logins, then one address a tenant tries everybody; in `criticals` tenants some let it in."""
    now = datetime.now(UTC)
    rows: list[tuple[str, str, datetime, str, str]] = []
    for number in range(tenants):
        name, foe = f"t{number:04d}", f"10.{number >> 8}.{number & 255}.66"
        for user in range(USERS):
            home = f"172.{16 + (number >> 8)}.{number & 255}.{user + 1}"
            rows.append(
                ("login_succeeded", name, now - timedelta(days=7) + timedelta(hours=2 * user), f"u{user}", home)
            )
            rows.append(("login_failed", name, now - timedelta(seconds=300 - 4 * user), f"u{user}", foe))
            if number < criticals and user < USERS // 6:
                rows.append(("login_succeeded", name, now - timedelta(seconds=30 - user), f"u{user}", foe))
    frame = pd.DataFrame(rows, columns=["type", "tenant_id", "occurred_at", "user_id", "ip"])
    frame["id"] = [f"e{i}" for i in range(len(frame))]
    frame["user_agent"] = "Mozilla/5.0"
    began = time.perf_counter()
    ingest_frame(db, iter([pa.Table.from_pandas(frame, preserve_index=False)]), tenant_id=None, now=now)
    print(f"{len(frame):,} events of {tenants:,} tenants taken in {time.perf_counter() - began:.1f} s")


def _until_told(db: Database, began: datetime) -> float:
    """Seconds until nothing waits any more."""
    while (seconds := (datetime.now(UTC) - began).total_seconds()) < _PATIENCE_SECONDS:
        with db.system() as connection:
            waiting = connection.execute(
                text("select count(*) from outbox where status = 'pending' and topic <> 'incident.card'")
            ).scalar_one()
        if not waiting:
            return seconds
        time.sleep(0.5)
    raise TimeoutError(f"after {_PATIENCE_SECONDS} s messages still wait")


def _report(db: Database, slack: FakeSlack, took: float) -> None:
    with db.system() as connection:
        told = connection.execute(_TOLD, {"critical": int(Severity.CRITICAL)}).one()
        states = connection.execute(_STATES).all()
    refused = sum(method == "chat.postMessage" for method, _ in slack.calls) - len(slack.messages)
    goal = "met" if told.p95 <= GOAL_SECONDS else "MISSED"
    print(f"load of the machine afterwards: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(
        f"incident to notified, {told.n} criticals: p50 {told.p50:.1f} s, p95 {told.p95:.1f} s, last {told.last:.1f} s"
        f" (goal: p95 {GOAL_SECONDS} s, {told.p95 / GOAL_SECONDS:.2f} of it: {goal})"
    )
    print("messages: " + ", ".join(f"{row.n} {row.topic} {row.status}" for row in states))
    print(
        f"Slack took {len(slack.messages)} messages and refused {refused} with 429; nothing waited after {took:.0f} s"
    )


_TOLD = text("""
    select count(*) as n, max(seconds) as last, percentile_cont(0.5) within group (order by seconds) as p50,
           percentile_cont(0.95) within group (order by seconds) as p95
    from (select extract(epoch from o.sent_at - i.opened_at)::float as seconds
          from outbox o join incidents i on i.id = o.incident_id
          where o.topic = 'incident.opened' and o.severity = :critical and o.status = 'sent') as told""")
_STATES = text("select topic, status, count(*) as n from outbox group by 1, 2 order by 1, 2")


@contextlib.contextmanager
def _served(slack: FakeSlack) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    slack.url = f"http://127.0.0.1:{port}"
    server = uvicorn.Server(uvicorn.Config(create_app(slack), port=port, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def _relay(db: Database, slack: FakeSlack) -> Iterator[None]:
    """The relay as a process, listening."""
    environment: dict[str, Any] = {
        **os.environ, **slack.settings(), "DATABASE_URL": db.url, "OPSSPINE_NOTIFY__MODE": '["slack"]',
        "OPSSPINE_ENV": "prod",
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "deployments.relay"], env=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with db.system() as connection:
                if connection.execute(text("select from heartbeats where component = 'relay'")).first() is not None:
                    break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    main()
