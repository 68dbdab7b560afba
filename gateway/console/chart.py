"""Charts as SVG, drawn here: no script, no inline style. Words and numbers stand beside them as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from store.read.chart import Series

WIDTH, HEIGHT = 1000.0, 160.0
"""Of the view box; the picture is stretched to the page's width, its height is the style sheet's."""
_STEPS = tuple(timedelta(minutes=n) for n in (1, 2, 5, 10, 15, 30, 60))
_MOST_BARS = 90
_GAP = 0.18
_LEAST_TOP = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One step: where it stands in the view box, and what it says."""

    x: float
    y: float
    width: float
    height: float
    hot: bool
    """Within an incident."""


@dataclass(frozen=True, slots=True)
class Shade:
    """The time of an incident."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn series."""

    title: str
    series: Series
    bars: tuple[Bar, ...]
    shades: tuple[Shade, ...]
    usual: str
    """Path of the line of what is usual; "" = unknown."""
    top: int
    """What the full height stands for."""

    @property
    def total(self) -> int:
        """All counted events."""
        return sum(self.series.counts)

    @property
    def summary(self) -> str:
        """What somebody who cannot see it has to know."""
        counts, usual = self.series.counts, [one for one in self.series.usual if one is not None]
        worst = max(range(len(counts)), key=counts.__getitem__, default=0)
        peak = f"at most {counts[worst]} in {_length(self.series.step)}" if counts else "nothing"
        when = f", at {self.series.since + self.series.step * worst:%H:%M} UTC" if any(counts) else ""
        told = f"; usual are about {sum(usual) / len(usual):.0f}" if usual else "; what is usual is not known yet"
        return f"{self.title} from {self.series.since:%H:%M} to {self.series.until:%H:%M} UTC: {peak}{when}{told}."


def step_for(length: timedelta) -> timedelta:
    """The shortest step by which `length` makes no more bars than can be read."""
    return next((step for step in _STEPS if length / step <= _MOST_BARS), _STEPS[-1])


def draw(title: str, series: Series, incidents: Sequence[tuple[datetime, datetime]] = ()) -> Chart:
    """The chart of `series`, with the times of `incidents` (begin, end) shaded."""
    n = max(len(series.counts), 1)
    top = _round(max([_LEAST_TOP, *series.counts, *(one for one in series.usual if one is not None)]))
    slot = WIDTH / n
    begin, end = series.since, series.until
    spans = [(max(a, begin), min(b, end)) for a, b in incidents if a < end and b > begin]
    return Chart(
        title=title,
        series=series,
        bars=tuple(
            Bar(
                round(slot * (k + _GAP / 2), 2), round(HEIGHT - HEIGHT * count / top, 2), round(slot * (1 - _GAP), 2),
                round(HEIGHT * count / top, 2), _within(series.since + series.step * k, series.step, spans),
            )
            for k, count in enumerate(series.counts)
            if count
        ),
        shades=tuple(Shade(_x(a, series), round(_x(b, series) - _x(a, series), 2)) for a, b in spans),
        usual=_line(series, slot, top),
        top=top,
    )  # fmt: skip


def _within(at: datetime, step: timedelta, spans: Sequence[tuple[datetime, datetime]]) -> bool:
    return any(at + step > a and at < b for a, b in spans)


def _x(at: datetime, series: Series) -> float:
    return round(WIDTH * ((at - series.since) / (series.until - series.since)), 2)


def _line(series: Series, slot: float, top: int) -> str:
    parts, pen = [], "M"
    for k, usual in enumerate(series.usual):
        if usual is None:
            pen = "M"
            continue
        y = round(HEIGHT - HEIGHT * usual / top, 2)
        parts.append(f"{pen}{slot * k:.1f} {y}H{slot * (k + 1):.1f}")
        pen = "L"
    return "".join(parts)


def _round(value: float) -> int:
    """The next number that people like to read: 10, 20, 50, 100 …"""
    size = 10
    while True:
        for factor in (1, 2, 5):
            if value <= size * factor:
                return size * factor
        size *= 10


def _length(step: timedelta) -> str:
    minutes = int(step.total_seconds() // 60)
    return "a minute" if minutes == 1 else "an hour" if minutes == 60 else f"{minutes} minutes"
