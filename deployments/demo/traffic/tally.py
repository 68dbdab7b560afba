"""What clients experienced, with the time of each answer."""

import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from deployments.demo.traffic.login import Answer


@dataclass(slots=True)
class Tally:
    """Answers in the order they came; times are the system's monotonic clock, in seconds."""

    _times: list[float] = field(default_factory=list)
    _answers: list[Answer] = field(default_factory=list)

    def add(self, answer: Answer) -> None:
        """Note `answer`, now."""
        self._times.append(time.monotonic())
        self._answers.append(answer)

    def between(self, since: float = 0.0, until: float = float("inf")) -> Counter[Answer]:
        """How often each answer came in [since, until)."""
        first, last = bisect_left(self._times, since), bisect_left(self._times, until)
        return Counter(self._answers[first:last])

    def share(self, answer: Answer, since: float = 0.0, until: float = float("inf")) -> float | None:
        """Share of `answer` among all of that time (0..1), or None when there were none."""
        counts = self.between(since, until)
        total = counts.total()
        return counts[answer] / total if total else None

    def rate(self, answer: Answer, seconds: float) -> float:
        """How many `answer` a second came lately."""
        return self.between(time.monotonic() - seconds)[answer] / seconds
