"""What this process counts itself: requests, refusals, events taken in. Prometheus adds up the replicas."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_MOST_REASONS = 64
UNMATCHED = "unmatched"
"""The route of a path that is none of ours: whatever is asked for, it is one series."""


@dataclass(frozen=True, slots=True)
class Measures:
    """The counters of one gateway."""

    requests: Histogram
    refusals: Counter
    ingested: Counter
    unusual: Counter
    reasons: set[str] = field(default_factory=set)
    """Why anything was refused so far."""

    @classmethod
    def of(cls, registry: CollectorRegistry) -> "Measures":
        """Fresh ones, shown with `registry`."""
        return cls(
            requests=Histogram(
                "opsspine_http_request_seconds",
                "Time to the first byte of the answer, by route template, method and class of status.",
                ["route", "method", "status"], buckets=_SECONDS, registry=registry,
            ),
            refusals=Counter(
                "opsspine_refusals", "Requests refused for want of credentials or scope, by reason.", ["reason"],
                registry=registry,
            ),
            ingested=Counter("opsspine_ingest_events", "Events taken in, by outcome.", ["outcome"], registry=registry),
            unusual=Counter(
                "opsspine_ingest_unusual",
                "Unknown types, and declared attributes that do not fit, of events taken in all the same.", ["what"],
                registry=registry,
            ),
        )  # fmt: skip

    def refused(self, reason: str) -> None:
        """Count a refusal. Reasons are ours, and few; should somebody pass on text from outside, it is "other"."""
        known = len(self.reasons) < _MOST_REASONS or reason in self.reasons
        self.reasons.add(reason if known else "other")
        self.refusals.labels(reason if known else "other").inc()

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        known = method if method in _METHODS else "other"
        self.requests.labels(route, known, f"{status // 100}xx").observe(seconds)
