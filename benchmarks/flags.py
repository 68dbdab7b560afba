"""How fast flags are evaluated, in process and over HTTP, and how long a lease takes to come and go.

python -m benchmarks.flags [--in-process]
"""

import argparse
import asyncio
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import uvicorn
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from benchmarks.server import database
from gateway.app import create_app
from spine.flag import FlagSet, Hold, boolean_flag, compose
from spine.flag.definition import Definition, parse_definition
from spine.flag.network import enrich, targets_condition
from spine.ids import IncidentId, TenantId, mint
from spine.plan import Gate, Risk, Step
from spine.settings import Settings
from store import flags
from store.engine import Database
from store.flag_cache import FlagCache
from store.keys import add_key
from tasks.leasing import apply_lease, intend_lease, ports_of, revert_lease

TENANT = TenantId("bench")
SECONDS = 3.0
ROUND, ROUNDS = 0.5, 7
CLIENTS = 16
STREAMS = 1_000
ROLLOUT = {
    "variants": {"new": True, "old": False}, "defaultVariant": "old",
    "targeting": {"fractional": [["new", 25], ["old", 75]]},
}  # fmt: skip


def main() -> None:
    """Print one figure a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--in-process", action="store_true", help="stop before PostgreSQL and HTTP")
    options = parser.parse_args()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    _in_process()
    if options.in_process:
        return
    with database() as opened:
        _cached(opened)
        _leases(opened)
        _over_http(opened)


def _rate(name: str, call: Callable[[], object]) -> None:
    print(f"{name}: {_a_second(call, SECONDS):,.0f}/s")


def _a_second(call: Callable[[], object], seconds: float) -> float:
    call()
    began, n = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        call()
        n += 1
    return n / (time.perf_counter() - began)


def _in_process() -> None:
    """Our `FlagSet` and, by turns, flagd's own evaluator on the same flags and contexts: what an application would get
    that embeds it. Medians of the rounds."""
    now = datetime.now(UTC)

    def held(*targets: str) -> Definition:
        hold = Hold(
            lease_id=mint(), key="f", variant="on", condition=targets_condition(targets) if targets else None,
            created_at=now, expires_at=now + timedelta(hours=1),
        )  # fmt: skip
        return compose(boolean_flag(), [hold], now)

    networks = [f"198.51.{n}.0/24" for n in range(50)]
    cases = {
        "no rule": boolean_flag(),
        "held for everybody": held(),
        "a rollout by key": parse_definition("f", ROLLOUT),
        "held for 1 network, address outside": held(networks[0]),
        "held for 50 networks, address outside": held(*networks),
    }
    asked = {"ip": "203.0.113.9"}
    for name, definition in cases.items():
        ours, core = FlagSet({"f": definition}), FlagdCore()
        core.set_flags({"flags": {"f": definition.stored()}})
        evaluate = partial(ours.evaluate, "f", {"targetingKey": "u", **asked})
        resolve = partial(core.resolve_boolean_value, "f", False, EvaluationContext("u", enrich(asked)))
        assert evaluate().value == resolve().value
        rates = [(_a_second(evaluate, ROUND), _a_second(resolve, ROUND)) for _ in range(ROUNDS)]
        mine, limit = (statistics.median(each) for each in zip(*rates, strict=True))
        print(f"in process, {name}: {mine:,.0f}/s, flagd-core alone {limit:,.0f}/s, {mine / limit:.2f} of it")


def _cached(opened: Database) -> None:
    cache = FlagCache(opened)
    _rate("through the cache (one question to PostgreSQL each)", lambda: cache.get(TENANT).evaluate("f", {}))


def _leases(opened: Database) -> None:
    ports = ports_of(Settings(env="prod"))
    plan = _plan(opened)
    times: dict[str, list[float]] = {"apply until read back": [], "revert until read back": []}
    for n in range(20):
        step = Step(
            order=n, action_key="ip.block", targets=(f"203.0.113.{n}",), ttl=timedelta(minutes=30), risk=Risk.HIGH,
            gate=Gate.APPROVE,
        )  # fmt: skip
        began = time.perf_counter()
        lease = intend_lease(
            opened, tenant=TENANT, incident_id=plan[0], decision_id=plan[1], step=step, fence=0, ports=ports
        )
        apply_lease(opened, lease.id, fence=0, ports=ports)
        middle = time.perf_counter()
        revert_lease(opened, lease.id, reason="bench", ports=ports)
        times["apply until read back"].append(middle - began)
        times["revert until read back"].append(time.perf_counter() - middle)
    for name, seconds in times.items():
        print(f"lease, {name}: {_percentiles(seconds)}")


def _plan(opened: Database) -> tuple[IncidentId, UUID]:
    incident, decision, now = mint(), mint(), datetime.now(UTC)
    with opened.system() as connection:
        connection.exec_driver_sql(
            "insert into incidents(id, tenant_id, kind, subject, status, severity, title, first_event_at, opened_at,"
            " last_finding_at) values(%s, %s, 'FAILED_LOGINS_SPIKE', 'tenant', 'open', 2, 'bench', %s, %s, %s)",
            (incident, TENANT, now, now, now),
        )
        connection.exec_driver_sql(
            "insert into decisions(id, tenant_id, incident_id, seq, plan_hash, verb, body, created_at, expires_at)"
            " values(%s, %s, %s, 1, 'h', 'MITIGATE', '{}', %s, %s)",
            (decision, TENANT, incident, now, now),
        )
    return IncidentId(incident), decision


def _over_http(opened: Database) -> None:
    """One worker on one core, the clients on another; rules without and with a rollout."""
    with opened.system() as connection:
        secret = add_key(connection, TENANT, "bench", ["flags:read"], now=datetime.now(UTC))[1]
        flags.put(
            connection, TENANT, "bench.rollout", ROLLOUT, expected_version=0, actor="bench", reason="bench",
            at=datetime.now(UTC),
        )  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(opened.url, port))
    server.start()
    try:
        asyncio.run(_ask(port, secret, server.pid or 0))
        asyncio.run(_streams(opened, port, secret))
    finally:
        server.terminate()
        server.join()


def _serve(url: str, port: int) -> None:
    uvicorn.run(
        create_app(Settings(), Database(url)),
        host="127.0.0.1",
        port=port,
        log_level="error",
        access_log=False,
        server_header=False,
    )


async def _ask(port: int, secret: str, worker: int) -> None:
    while True:
        try:
            (await asyncio.open_connection("127.0.0.1", port))[1].close()
            break
        except OSError:
            await asyncio.sleep(0.05)
    for path in ("/flags/auth.ipDeny.enabled", "/flags/bench.rollout", "/flags"):
        request = _request(f"/ofrep/v1/evaluate{path}", secret)
        await asyncio.gather(*(_client(port, request, time.perf_counter() + 0.5, []) for _ in range(CLIENTS)))
        seconds: list[float] = []
        began, cpu = time.perf_counter(), _cpu_seconds(worker)
        await asyncio.gather(*(_client(port, request, began + SECONDS, seconds) for _ in range(CLIENTS)))
        took, spent = time.perf_counter() - began, _cpu_seconds(worker) - cpu
        print(
            f"HTTP {path}, {CLIENTS} clients, 1 worker: {len(seconds) / took:,.0f}/s, {_percentiles(seconds)}; "
            f"{spent / len(seconds) * 1e6:,.0f} us of CPU each, the worker had {spent / took:.0%} of a core"
        )


async def _streams(opened: Database, port: int, secret: str) -> None:
    """How long it takes until everybody who listens is told of a change."""
    request = f"GET /ofrep/v1/stream HTTP/1.1\r\nHost: bench\r\nX-API-Key: {secret}\r\n\r\n".encode()
    readers, writers = [], []
    for _ in range(STREAMS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        readers.append(reader)
        writers.append(writer)
    await asyncio.gather(*(reader.readuntil(b"refetchEvaluation") for reader in readers))
    began = time.perf_counter()
    with opened.system() as connection:
        flags.put(
            connection, TENANT, "bench.told", boolean_flag().stored(), expected_version=0, actor="bench",
            reason="bench", at=datetime.now(UTC),
        )  # fmt: skip

    async def told(reader: asyncio.StreamReader) -> float:
        await reader.readuntil(b"refetchEvaluation")
        return time.perf_counter() - began

    seconds = await asyncio.gather(*(told(reader) for reader in readers))
    print(f"streams, {STREAMS} open, told of a change: {_percentiles(list(seconds))}, the last {max(seconds):.2f} s")
    for writer in writers:
        writer.close()


def _request(path: str, secret: str) -> bytes:
    body = b'{"context":{"targetingKey":"u","ip":"203.0.113.9"}}'
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {secret}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def _client(port: int, request: bytes, until: float, seconds: list[float]) -> None:
    """One kept connection, asked again and again: with less work than an HTTP library, so the server is what counts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (began := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the gateway answered {head[:40]!r}")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        seconds.append(time.perf_counter() - began)
    writer.close()


def _cpu_seconds(process: int) -> float:
    """CPU time a process has used (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _percentiles(seconds: list[float]) -> str:
    cut = statistics.quantiles(seconds, n=20)
    return f"p50 {statistics.median(seconds) * 1000:.1f} ms, p95 {cut[18] * 1000:.1f} ms"


if __name__ == "__main__":
    main()
