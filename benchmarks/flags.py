"""How fast flags are evaluated, in process and over HTTP, and how long a lease takes to come and go.

python -m benchmarks.flags
"""

import asyncio
import multiprocessing
import socket
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import httpx
import uvicorn

from benchmarks.server import database
from gateway.app import create_app
from spine.flag import FlagSet, Hold, boolean_flag, compose
from spine.flag.network import targets_condition
from spine.ids import IncidentId, TenantId, mint
from spine.plan import Gate, Risk, Step
from spine.settings import Settings
from store.engine import Database
from store.flag_cache import FlagCache
from store.keys import add_key
from tasks.leasing import apply_lease, intend_lease, ports_of, revert_lease

TENANT = TenantId("bench")
SECONDS = 3.0
CLIENTS = 8


def main() -> None:
    """Print one figure a line."""
    _in_process()
    with database() as opened:
        _cached(opened)
        _leases(opened)
        _over_http(opened)


def _rate(name: str, call: Callable[[], object]) -> None:
    call()
    began, n = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        call()
        n += 1
    print(f"{name}: {n / (time.perf_counter() - began):,.0f}/s")


def _in_process() -> None:
    now = datetime.now(UTC)

    def held(*targets: str) -> FlagSet:
        hold = Hold(
            lease_id=mint(), key="f", variant="on", condition=targets_condition(targets) if targets else None,
            created_at=now, expires_at=now + timedelta(hours=1),
        )  # fmt: skip
        return FlagSet({"f": compose(boolean_flag(), [hold], now)})

    networks = [f"198.51.{n}.0/24" for n in range(50)]
    cases = {
        "no hold": FlagSet({"f": boolean_flag()}),
        "held for everybody": held(),
        "held for 1 network, address outside": held(networks[0]),
        "held for 50 networks, address outside": held(*networks),
    }
    for name, loaded in cases.items():
        _rate(f"in process, {name}", partial(loaded.evaluate, "f", {"ip": "203.0.113.9"}))


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
    with opened.system() as connection:
        secret = add_key(connection, TENANT, "bench", ["flags:read"], now=datetime.now(UTC))[1]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(opened.url, port))
    server.start()
    try:
        asyncio.run(_ask(f"http://127.0.0.1:{port}", secret))
    finally:
        server.terminate()
        server.join()


def _serve(url: str, port: int) -> None:
    uvicorn.run(create_app(Settings(), Database(url)), host="127.0.0.1", port=port, log_level="error")


async def _ask(url: str, secret: str) -> None:
    headers = {"X-API-Key": secret}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        while True:
            try:
                await client.get("/livez")
                break
            except httpx.TransportError:
                await asyncio.sleep(0.05)
        for path in ("/ofrep/v1/evaluate/flags/auth.ipDeny.enabled", "/ofrep/v1/evaluate/flags"):
            seconds: list[float] = []
            until = time.perf_counter() + SECONDS
            await asyncio.gather(*(_client(client, path, until, seconds) for _ in range(CLIENTS)))
            print(f"HTTP {path}, {CLIENTS} clients: {len(seconds) / SECONDS:,.0f}/s, {_percentiles(seconds)}")


async def _client(client: httpx.AsyncClient, path: str, until: float, seconds: list[float]) -> None:
    while (began := time.perf_counter()) < until:
        answer = await client.post(path, json={"context": {"targetingKey": "u", "ip": "203.0.113.9"}})
        answer.raise_for_status()
        seconds.append(time.perf_counter() - began)


def _percentiles(seconds: list[float]) -> str:
    cut = statistics.quantiles(seconds, n=20)
    return f"p50 {statistics.median(seconds) * 1000:.1f} ms, p95 {cut[18] * 1000:.1f} ms"


if __name__ == "__main__":
    main()
