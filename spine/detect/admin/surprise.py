"""The surprise of a login in bits: -log2 of its chance by the habits of whoever logs in."""

from math import exp, log2

Counts = dict[str, dict[str, int]]
"""Logins by part of a login (country, address, agent, hour) and its value."""
_WIDTH_HOURS = 1.5
"""Of the bell by which a login in one hour makes its neighbours usual. Judgement."""


def rare(seen: dict[str, int], value: str | None) -> float:
    """Bits of `value` among those seen. What was never seen shares the chance of all that was seen once.

    Source: Good 1953 (Turing's estimate); half a login more keeps it finite. What is missing surprises nobody.
    """
    if value is None:
        return 0.0
    times = seen.get(value, 0) or sum(n == 1 for n in seen.values())
    return max(-log2((times + 0.5) / (sum(seen.values()) + 1)), 0.0)


def unusual_hour(seen: dict[str, int], hour: float) -> float:
    """How many times rarer this time of day (0 to 24) is than the most usual hour, in bits."""
    if not seen:
        return 0.0
    counts = [(int(h) + 0.5, n) for h, n in seen.items()]

    def usual(at: float) -> float:
        away = ((abs(at - h), n) for h, n in counts)
        return sum(n * exp(-0.5 * (min(d, 24 - d) / _WIDTH_HOURS) ** 2) for d, n in away)

    return max(log2((max(usual(h) for h, _ in counts) + 0.5) / (usual(hour) + 0.5)), 0.0)


def without(counts: Counts, logins: list[dict[str, str | None]]) -> Counts:
    """`counts` before these logins, which they include already where the fold was here."""
    past = {what: dict(values) for what, values in counts.items()}
    for login in logins:
        for what, value in login.items():
            values = past.get(what, {})
            if value in values:
                values[value] -= 1
                if not values[value]:
                    del values[value]
    return past


def add(past: Counts, login: dict[str, str | None]) -> None:
    """Add one login to the counts."""
    for what, value in login.items():
        if value is not None:
            values = past.setdefault(what, {})
            values[value] = values.get(value, 0) + 1
