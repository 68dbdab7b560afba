"""`/api/metrics`: Prometheus text. State is counted in the database, so every replica tells the same."""

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from gateway.auth import Scope
from gateway.context import Context, context_of
from gateway.opening import reading
from spine.health import Status
from spine.settings import Settings
from store import figures
from store.drills import last_passed
from store.health import counts, outbox_state
from store.heartbeats import beats
from store.standings import standings

router = APIRouter()
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FAMILIES = {
    "incidents": ("Incidents by type, status and severity.", ["kind", "status", "severity"]),
    "approvals": ("Approvals by status.", ["status"]),
    "leases": ("Mitigations in the ledger by action and state.", ["action", "state"]),
    "outbox": ("Notifications by channel and status.", ["channel", "status"]),
}
_RESPONSE = {
    "detect": "From an attack's first event to the incident.",
    "acknowledge": "From the incident to the first person who said to have seen it.",
    "mitigate": "From the incident to a mitigation that was verified to work.",
    "resolve": "From the incident to its end.",
}
_RANK = {Status.PASS: 0, Status.WARN: 1, Status.FAIL: 2}


@router.get("/api/metrics", dependencies=[Depends(reading(Scope.METRICS_READ))])
def metrics(request: Request) -> Response:
    """Everything, in one plain page. Who may read it: `gateway/opening.py`."""
    context = context_of(request)
    stored = CollectorRegistry(auto_describe=False)
    stored.register(_Stored(context))
    return Response(generate_latest(_own(context)) + generate_latest(stored), media_type=CONTENT_TYPE)


def _own(context: Context) -> CollectorRegistry:
    """What this gateway counts itself: all its workers together, where it has some (deployments/gateway.py)."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return context.registry
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together


class _Stored(Collector):
    """Figures read from the database at the moment of asking."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        now = self._context.clock.now()
        with self._context.database.system() as connection:
            yield from _counted(connection)
            yield from _response(connection)
            yield from _waiting(connection, now)
            yield from _parts(connection, now)
            yield from _trail(connection)
            yield from _tenants(connection, self._context.settings)
        yield _gauge("opsspine_build_info", "The version that answers.", ["version"], [((version("opsspine"),), 1)])


def _counted(connection: Connection) -> Iterator[Metric]:
    for table, (words, labels) in _FAMILIES.items():
        yield _gauge(f"opsspine_{table}", words, labels, counts(connection, table).items())


def _response(connection: Connection) -> Iterator[Metric]:
    """Time to detect, acknowledge, mitigate and resolve: histograms over all incidents there ever were."""
    for milestone, words in _RESPONSE.items():
        family = HistogramMetricFamily(
            f"opsspine_time_to_{milestone}_seconds", f"{words} Drills left out.", labels=["kind", "severity"]
        )
        for found in figures.response_times(connection, milestone):
            names = [*(f"{bound:g}" for bound in figures.BUCKETS), "+Inf"]
            buckets = list(zip(names, found.below, strict=True))
            family.add_metric(found.labels, buckets=buckets, sum_value=found.total_seconds)
        yield family


def _waiting(connection: Connection, now: datetime) -> Iterator[Metric]:
    """What waits for people, for channels, and for its end."""
    pending = figures.pending_approvals(connection, now)
    yield _gauge(
        "opsspine_approvals_pending", "Approvals that wait for a person, by gate.", ["gate"],
        [((gate,), n) for gate, n, _ in pending],
    )  # fmt: skip
    yield _gauge(
        "opsspine_approval_oldest_seconds", "For how long the oldest approval has waited, by gate.", ["gate"],
        [((gate,), age) for gate, _, age in pending],
    )  # fmt: skip
    age = outbox_state(connection, now).oldest_age
    oldest = age.total_seconds() if age else 0.0
    yield GaugeMetricFamily("opsspine_outbox_oldest_seconds", "Age of the oldest waiting message.", value=oldest)
    yield _gauge(
        "opsspine_outbox_age_seconds", "Age of the oldest waiting message, by channel.", ["channel"],
        [((channel,), age) for channel, _, age in figures.waiting(connection, now)],
    )  # fmt: skip
    overdue = figures.overdue_leases(connection, now)
    yield GaugeMetricFamily("opsspine_leases_overdue", "Mitigations in force after their end.", value=overdue)


def _parts(connection: Connection, now: datetime) -> Iterator[Metric]:
    """How the parts of the spine are, and when they were last heard of."""
    seen, found = beats(connection), standings(connection)
    yield _gauge(
        "opsspine_heartbeat_age_seconds", "Silence of each part.", ["component"],
        [((component,), (now - at).total_seconds()) for component, (at, _) in seen.items()],
    )  # fmt: skip
    yield _gauge(
        "opsspine_check_status", "How each part of the spine is: 0 well, 1 with loss of comfort, 2 failing.",
        ["check"], [((key,), _RANK[one.status]) for key, one in found.items()],
    )  # fmt: skip
    yield _gauge(
        "opsspine_check_seconds", "How long the latest look at each part took.", ["check"],
        [((key,), one.took.total_seconds()) for key, one in found.items()],
    )  # fmt: skip
    tick = seen["detect"][1] if "detect" in seen else {}
    yield _gauge(
        "opsspine_tick_seconds", "How long the latest tick of detection took.", [],
        [((), float(tick["seconds"]))] if "seconds" in tick else [],
    )  # fmt: skip
    yield _gauge(
        "opsspine_drill_age_seconds", "Since each runbook last came through a drill.", ["kind"],
        [((kind.value,), (now - at).total_seconds()) for kind, at in last_passed(connection).items()],
    )  # fmt: skip


def _trail(connection: Connection) -> Iterator[Metric]:
    entries = figures.audit_entries(connection)
    yield CounterMetricFamily("opsspine_audit_entries", "Entries of all audit chains.", value=entries)
    refused = CounterMetricFamily("opsspine_votes_refused", "Votes on approvals that did not count.", labels=["code"])
    for code, n in figures.refused_votes(connection):
        refused.add_metric([code], n)
    yield refused
    size = figures.database_bytes(connection)
    yield GaugeMetricFamily("opsspine_database_bytes", "Room the database takes.", value=size)


def _tenants(connection: Connection, settings: Settings) -> Iterator[Metric]:
    """Of the tenants that the settings list, and of no other: there may be thousands."""
    if listed := settings.observe.metric_tenants:
        yield _gauge(
            "opsspine_tenant_incidents_live", "Live incidents of the tenants listed in the settings.",
            ["tenant", "severity"],
            [((tenant, severity), n) for tenant, severity, n in figures.live_by_tenant(connection, listed)],
        )  # fmt: skip


def _gauge(name: str, words: str, labels: list[str], values: Iterable[tuple[Any, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family
