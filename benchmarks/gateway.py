"""The gateway under the load of a busy night: requests of every kind, while a thousand clients listen.

    python -m benchmarks.gateway [--rate 200] [--seconds 30] [--streams 1000]

A gateway process as deployments run it, on a PostgreSQL of its own (fsync on), with a tenant that has a day of events,
500 incidents and 200 approvals. Requests come by the clock, whether or not earlier ones were answered, and their time
counts from when they were due. Half of the clients that listen are applications (flags), half are pages of the
console; every few seconds a flag changes and an incident has news, and all of them are told.
Goal: p99 of at most 250 ms and no error at 200 requests a second and 1,000 clients on two cores.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import text

from benchmarks.busy import FLAGS, TENANT, change_flag, seed
from benchmarks.server import database
from spine.ids import mint
from spine.settings import Settings
from store.engine import Database

BATCH = 10
"""Events in one request."""
MIX = {"ingest": 30, "evaluate": 30, "incidents": 20, "approvals": 10, "metrics": 9, "prometheus": 1}
"""Of a hundred requests. A console, Grafana and the applications of one busy tenant together."""
NEWS_SECONDS = 5.0
_LATEST = 10.0
"""An answer that takes longer is an error."""


@dataclass(slots=True)
class Told:
    """What came of the requests and the streams."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    flags: int = 0
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Site:
    """The gateway under load, and who may enter."""

    port: int
    process: int
    key: str
    cookies: list[str]


def main() -> None:
    """Run it and print one figure a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=200, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--streams", type=int, default=1000)
    chosen = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # every stream is a socket of ours, too
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="opsspine-bench-") as folder, database() as opened:
        settings = Settings(secret_key=Fernet.generate_key().decode())
        key, cookies = seed(opened, settings)
        with _gateway(opened, settings, Path(folder)) as (port, process):
            asyncio.run(_run(opened, Site(port, process, key, cookies), chosen))


@contextmanager
def _gateway(opened: Database, settings: Settings, folder: Path) -> Iterator[tuple[int, int]]:
    """`python -m deployments.gateway`, without an orchestrator; its port and process."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert settings.secret_key is not None
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPSSPINE_", "PREFECT_"))}
    environment = {
        **kept, "DATABASE_URL": opened.url, "OPSSPINE_DATA_DIR": str(folder), "OPSSPINE_GATEWAY__PORT": str(port),
        "OPSSPINE_SECRET_KEY": settings.secret_key.get_secret_value(),
        "OPSSPINE_PREFECT__API_URL": "http://127.0.0.1:9/api", "PREFECT_API_URL": "http://127.0.0.1:9/api",
    }  # fmt: skip
    with open(folder / "gateway.log", "wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "deployments.gateway"], env=environment, stdout=log)
        try:
            while not _answers(port):
                if process.poll() is not None:
                    raise RuntimeError(f"the gateway ended: {(folder / 'gateway.log').read_text()[-2000:]}")
                time.sleep(0.1)
            yield port, process.pid
        finally:
            process.kill()  # a thousand streams need no farewell
            process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


async def _run(opened: Database, site: Site, chosen: argparse.Namespace) -> None:
    told = Told()
    listening = await _listen(site, chosen.streams, told)
    await asyncio.sleep(8)  # what the gateway imports after its start is in
    await _load(site, chosen.rate, 3, Told())
    gc.collect()
    gc.freeze()
    news = asyncio.create_task(_news(opened))
    told.flags = told.pages = 0
    began, cpu = time.perf_counter(), _cpu_seconds(site.process)
    await _load(site, chosen.rate, chosen.seconds, told)
    took, spent = time.perf_counter() - began, _cpu_seconds(site.process) - cpu
    news.cancel()
    lost = sum(task.done() for task in listening)
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    every = [one for some in told.seconds.values() for one in some]
    for name in MIX:
        print(f"{name}: {_percentiles(told.seconds.get(name, []))}")
    print(f"all: {_percentiles(every)}, {len(every) / took:,.0f}/s for {took:.0f} s")
    print(f"streams: {len(listening)} open, {lost} lost; told {told.flags:,} times of flags, {told.pages:,} of news")
    print(f"errors: {sum(told.errors.values())} {dict(told.errors) if told.errors else ''}")
    each = spent / max(1, len(every)) * 1000
    workers = len(_all_of(site.process)) - 1
    size = f"{_memory(site.process):.0f} MB, {workers} workers"
    print(f"gateway: {spent / took:.0%} of one core ({each:.1f} ms a request), {size}")
    print(f"load of the machine after: {os.getloadavg()[0]:.1f}")


async def _load(site: Site, rate: float, seconds: float, told: Told) -> None:
    """Requests by the clock. Connections are kept, and as many are made as it takes."""
    free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    order = [name for name, share in MIX.items() for _ in range(share)]
    random.Random(1).shuffle(order)
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(_one(site, order[number % len(order)], due, free, told))
    for _, writer in free:
        writer.close()


async def _one(
    site: Site, name: str, due: float, free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]], told: Told
) -> None:
    pair = None
    try:
        async with asyncio.timeout(_LATEST):
            pair = free.pop() if free else await asyncio.open_connection("127.0.0.1", site.port)
            pair[1].write(_request(name, site.key))
            head = await pair[0].readuntil(b"\r\n\r\n")
            await pair[0].readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
    except (OSError, EOFError, TimeoutError) as error:
        told.errors[f"{name}: {type(error).__name__}"] += 1
        if pair is not None:
            pair[1].close()
        return
    free.append(pair)
    told.seconds.setdefault(name, []).append(time.perf_counter() - due)
    if head[9:10] != b"2":
        told.errors[f"{name}: {head[9:12].decode()}"] += 1


def _request(name: str, key: str) -> bytes:
    if name == "evaluate":
        body = {"context": {"targetingKey": "u", "ip": "203.0.113.9"}}
        return _http("POST", f"/ofrep/v1/evaluate/flags/bench.f{random.randrange(FLAGS)}", key, body)
    if name == "ingest":
        return _http("POST", "/api/ops/events", key, [_event() for _ in range(BATCH)])
    paths = {
        "incidents": "/api/ops/incidents?limit=25", "approvals": "/api/ops/approvals?limit=25",
        "metrics": "/api/ops/auth/metrics", "prometheus": "/api/metrics",
    }  # fmt: skip
    return _http("GET", paths[name], key)


def _event() -> dict[str, str]:
    number = random.randrange(2_000)
    return {
        "id": str(mint()), "type": "login_succeeded", "occurred_at": datetime.now(UTC).isoformat(),
        "user_id": f"u{number}", "provider": "password", "ip": f"10.0.{number >> 8}.{number & 255}",
    }  # fmt: skip


def _http(method: str, path: str, key: str, body: object = None) -> bytes:
    sent = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(sent) + sent


async def _listen(site: Site, count: int, told: Told) -> list[asyncio.Task[None]]:
    """Half of them read flags, half are pages; all have heard their first word when this returns."""
    heads = []
    for number in range(count):
        if number % 2:
            cookie = site.cookies[number % len(site.cookies)]
            heads.append(f"GET /admin/auth-ops/stream HTTP/1.1\r\nHost: bench\r\nCookie: opsspine={cookie}\r\n\r\n")
        else:
            heads.append(f"GET /ofrep/v1/stream HTTP/1.1\r\nHost: bench\r\nX-API-Key: {site.key}\r\n\r\n")
    tasks = []
    for number, head in enumerate(heads):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"stream {number} was answered {answer[:40]!r}")
        tasks.append(asyncio.create_task(_hear(reader, writer, told, page=bool(number % 2))))
    return tasks


async def _hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, told: Told, *, page: bool) -> None:
    try:
        while heard := await reader.read(4096):
            told.pages += page and b"event: " in heard
            told.flags += not page and b"refetchEvaluation" in heard
    finally:
        writer.close()


async def _news(opened: Database) -> None:
    """A flag changes and an incident has news, as other processes cause it."""
    version = 1
    while True:
        await asyncio.to_thread(change_flag, opened, "bench.f0", version)
        await asyncio.to_thread(_notify, opened)
        version += 1
        await asyncio.sleep(NEWS_SECONDS)


def _notify(opened: Database) -> None:
    with opened.system() as connection:
        connection.execute(text("select pg_notify('console', 'incidents - ' || :t)"), {"t": TENANT})


def _all_of(process: int) -> list[int]:
    """A process and its workers (Linux)."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(int(child) for child in children)]


def _cpu_seconds(process: int) -> float:
    """CPU time a process and its workers have used."""
    fields = [Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split() for one in _all_of(process)]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def _memory(process: int) -> float:
    """Proportional set size of a process and its workers (MB)."""
    rolled = [Path(f"/proc/{one}/smaps_rollup").read_text().splitlines() for one in _all_of(process)]
    return sum(int(line.split()[1]) for lines in rolled for line in lines if line.startswith("Pss:")) / 1024


def _percentiles(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return "none"
    cut = statistics.quantiles(seconds, n=100)
    return (
        f"p50 {cut[49] * 1000:.0f} ms, p95 {cut[94] * 1000:.0f} ms, p99 {cut[98] * 1000:.0f} ms, "
        f"max {max(seconds) * 1000:.0f} ms, n = {len(seconds):,}"
    )


if __name__ == "__main__":
    main()
