"""Sizes and temperaments of worlds."""

from dataclasses import dataclass, replace
from math import ceil


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """How big a world is, and by which factors it differs from the usual one."""

    tenants: int = 200
    days: int = 42
    history_days: int = 28
    """Incidents start after these days only."""
    largest_tenant_users: int = 30_000
    smallest_tenant_users: int = 15
    size_exponent: float = 1.1
    """The k-th largest tenant has 1 / k^exponent of the largest one's users (Zipf's law)."""
    logins_per_user_day: float = 0.5
    incidents: float = 1.0
    """Of the number that each kind of incident has in a full world; at least three of each."""
    attack_events: float = 1.0
    attack_duration: float = 1.0
    fault_strength: float = 1.0
    """Of the share of requests that fail in an outage."""
    lookalike_rate: float = 1.0
    """How often benign look-alikes happen."""
    lookalike_size: float = 1.0
    benign_failures: float = 1.0

    def count(self, full: int) -> int:
        """How many incidents of a kind to place that has `full` in a full world; few worlds have room for all."""
        return max(3, ceil(full * self.incidents))


_SMALL = Preset(tenants=40, largest_tenant_users=2_500, incidents=0.28)


def shifted(preset: Preset) -> Preset:
    """Weaker, slower attacks among more and louder benign trouble than a detector was tuned on."""
    return replace(
        preset, size_exponent=1.25, logins_per_user_day=0.35, attack_events=0.7, attack_duration=1.4,
        fault_strength=0.8, lookalike_rate=1.6, lookalike_size=1.4, benign_failures=1.4,
    )  # fmt: skip


PRESETS = {
    "full": Preset(),
    "small": _SMALL,
    "tiny": Preset(tenants=8, days=10, history_days=6, largest_tenant_users=400, incidents=0.1),
    "shifted": shifted(Preset()),
    "small-shifted": shifted(_SMALL),
}
