"""Where incidents find room: after the history, at a tenant that has no other of their type near."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from benchmarks.detection.batch import Floats
from benchmarks.detection.truth import EVERYBODY

_APART_SECONDS = 6 * 3600
_TAIL_SECONDS = 6 * 3600
"""Nothing starts or ends in the last hours: there must be time left to notice."""
_TRIES = 500
Span = tuple[float, float]


@dataclass(slots=True)
class Schedule:
    """Who is busy with an incident of which type, and when (seconds)."""

    first: float
    last: float
    hours_ahead: Floats
    """Of every tenant."""
    _busy: dict[tuple[str, int], list[Span]] = field(default_factory=lambda: defaultdict(list))

    def place(
        self,
        rng: np.random.Generator,
        kinds: tuple[str, ...],
        seconds: float,
        *,
        weights: Floats | None = None,
        local_hours: Span | None = None,
    ) -> tuple[int, float] | None:
        """A tenant and a start for an incident of these types, six hours away from the next of its type.

        `weights` None is an incident of everybody. `local_hours` bounds the hour of the start, where the
        tenant is; above 24 is the next morning. None when there is no room.
        """
        for _ in range(_TRIES):
            tenant = EVERYBODY if weights is None else int(rng.choice(len(weights), p=weights))
            start = self._start(rng, tenant, seconds, local_hours)
            if start + seconds <= self._end() and self._is_free(kinds, tenant, start, start + seconds):
                for kind in kinds:
                    self._busy[kind, tenant].append((start, start + seconds))
                return tenant, start
        return None

    def _end(self) -> float:
        return self.last - _TAIL_SECONDS

    def _start(self, rng: np.random.Generator, tenant: int, seconds: float, local_hours: Span | None) -> float:
        start = rng.uniform(self.first, max(self.first + 1, self._end() - seconds))
        if local_hours is None:
            return float(start)
        hour = (rng.uniform(*local_hours) - self.hours_ahead[tenant]) % 24
        midnight = start // 86400 * 86400
        return float(max(midnight, self.first) + hour * 3600)

    def _is_free(self, kinds: tuple[str, ...], tenant: int, start: float, end: float) -> bool:
        spans = [span for kind in kinds for who in {tenant, EVERYBODY} for span in self._busy[kind, who]]
        return all(start > after + _APART_SECONDS or end < before - _APART_SECONDS for before, after in spans)
