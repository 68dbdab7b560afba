"""`/api/metrics`: Prometheus text. State is counted in the database, so every replica tells the same."""

from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.context import Context, context_of
from store.drills import last_passed
from store.health import counts, outbox_state
from store.heartbeats import beats

router = APIRouter()
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FAMILIES = {
    "incidents": ("Incidents by type, status and severity.", ["kind", "status", "severity"]),
    "approvals": ("Approvals by status.", ["status"]),
    "leases": ("Mitigations in the ledger by action and state.", ["action", "state"]),
    "outbox": ("Notifications by channel and status.", ["channel", "status"]),
}


def ingest_counter(registry: CollectorRegistry) -> Counter:
    """What this process took in; Prometheus adds up the replicas."""
    return Counter("opsspine_ingest_events", "Events taken in, by outcome.", ["outcome"], registry=registry)


def unusual_counter(registry: CollectorRegistry) -> Counter:
    """What this process took in though something about it was odd."""
    words = "Unknown types, and declared attributes that do not fit, of events taken in all the same."
    return Counter("opsspine_ingest_unusual", words, ["what"], registry=registry)


@router.get("/api/metrics")
def metrics(request: Request) -> Response:
    """Everything, in one plain page."""
    context = context_of(request)
    stored = CollectorRegistry(auto_describe=False)
    stored.register(_Stored(context))
    return Response(generate_latest(context.registry) + generate_latest(stored), media_type=CONTENT_TYPE)


class _Stored(Collector):
    """Figures read from the database at the moment of asking."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        now = self._context.clock.now()
        with self._context.database.system() as connection:
            for table, (help_text, labels) in _FAMILIES.items():
                family = GaugeMetricFamily(f"opsspine_{table}", help_text, labels=labels)
                for values, n in counts(connection, table).items():
                    family.add_metric(values, n)
                yield family
            outbox, seen, drilled = outbox_state(connection, now), beats(connection), last_passed(connection)
        age = outbox.oldest_age.total_seconds() if outbox.oldest_age else 0.0
        yield GaugeMetricFamily("opsspine_outbox_oldest_seconds", "Age of the oldest waiting message.", value=age)
        silence = GaugeMetricFamily("opsspine_heartbeat_age_seconds", "Silence of each part.", labels=["component"])
        for component, (at, _) in seen.items():
            silence.add_metric([component], (now - at).total_seconds())
        yield silence
        age_of_drills = GaugeMetricFamily(
            "opsspine_drill_age_seconds", "Since each runbook last came through a drill.", labels=["kind"]
        )
        for kind, at in drilled.items():
            age_of_drills.add_metric([kind.value], (now - at).total_seconds())
        yield age_of_drills
