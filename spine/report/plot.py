"""Small drawings: bars over time, and lines over weeks. As SVG without script or style sheet, and as a line of text."""

from collections.abc import Sequence
from dataclasses import dataclass

from spine.plain import markup

_WIDTH, _HEIGHT = 640.0, 150.0
_LEFT, _TOP, _BOTTOM = 46.0, 10.0, 22.0
_LEVELS = "▁▂▃▄▅▆▇█"
_GAP = 0.22
_LABELS = 8
"""So many points are labelled at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Numbers in order, each with its label; None = there is none."""

    title: str
    unit: str
    labels: tuple[str, ...]
    values: tuple[float | None, ...]
    limit: float | None = None
    """A line that should not be crossed."""
    line: bool = False
    """True = points that are joined, else bars."""

    def __post_init__(self) -> None:
        """Refuses values without labels."""
        if len(self.labels) != len(self.values):
            raise ValueError(f"{len(self.values)} values cannot have {len(self.labels)} labels")


def sparkline(plot: Plot) -> str:
    """The drawing in one line of text; a gap where there is no value."""
    top = _top(plot)
    return "".join(
        "·" if value is None else _LEVELS[min(int(value / top * len(_LEVELS)), len(_LEVELS) - 1)]
        for value in plot.values
    )


def svg(plot: Plot) -> str:
    """The drawing as an SVG element, with its words for who cannot see it. Colours come from its classes."""
    top = _top(plot)
    draw = _line if plot.line else _bars
    said = markup(f"{plot.title}: " + ", ".join(_said(plot)))
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{said}">'
        f"{_grid(top, plot.unit)}{draw(plot, top)}{_limit(plot, top)}{_labels(plot)}</svg>"
    )


def number(value: float) -> str:
    """A number as people read it: few digits, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.2g}"


def _said(plot: Plot) -> Sequence[str]:
    pairs = zip(plot.labels, plot.values, strict=True)
    return [f"{label} {'none' if value is None else number(value)}" for label, value in pairs]


def _top(plot: Plot) -> float:
    highest = max([0.0, plot.limit or 0.0, *(value for value in plot.values if value is not None)])
    size = 1.0
    while True:
        for factor in (1, 2, 5):
            if highest <= size * factor:
                return size * factor
        size *= 10


def _y(value: float, top: float) -> float:
    return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / top), 1)


def _x(index: float, count: int) -> float:
    return round(_LEFT + (_WIDTH - _LEFT) * index / max(count, 1), 1)


def _grid(top: float, unit: str) -> str:
    drawn = ""
    for share in (0.0, 0.5, 1.0):
        y = _y(top * share, top)
        drawn += f'<path class="grid" d="M{_LEFT:g} {y}H{_WIDTH:g}"/>'
        words = f"{number(top * share)}{' ' + markup(unit) if share == 1.0 and len(unit) < 5 else ''}"
        drawn += f'<text class="axis" x="{_LEFT - 6:g}" y="{y + 3.5}" text-anchor="end">{words}</text>'
    return drawn


def _bars(plot: Plot, top: float) -> str:
    count, drawn = len(plot.values), ""
    width = (_WIDTH - _LEFT) / max(count, 1) * (1 - _GAP)
    for index, value in enumerate(plot.values):
        if not value:
            continue
        over = " over" if plot.limit is not None and value > plot.limit else ""
        y = _y(value, top)
        drawn += (
            f'<rect class="bar{over}" x="{_x(index + _GAP / 2, count)}" y="{y}" width="{width:.1f}" '
            f'height="{_HEIGHT - _BOTTOM - y:.1f}" rx="1.5"/>'
        )
    return drawn


def _line(plot: Plot, top: float) -> str:
    count = len(plot.values)
    points = [
        (_x(index + 0.5, count), _y(value, top), value) for index, value in enumerate(plot.values) if value is not None
    ]
    path = "L".join(f"{x} {y}" for x, y, _ in points)
    drawn = f'<path class="line" d="M{path}"/>' if len(points) > 1 else ""
    return drawn + "".join(f'<circle class="dot" cx="{x}" cy="{y}" r="3.2"/>' for x, y, _ in points)


def _limit(plot: Plot, top: float) -> str:
    return "" if plot.limit is None else f'<path class="limit" d="M{_LEFT:g} {_y(plot.limit, top)}H{_WIDTH:g}"/>'


def _labels(plot: Plot) -> str:
    count, y = len(plot.labels), _HEIGHT - 6
    every = -(-count // _LABELS)
    return "".join(
        f'<text class="axis" x="{_x(index + 0.5, count)}" y="{y:g}" text-anchor="middle">{markup(label)}</text>'
        for index, label in enumerate(plot.labels)
        if index % every == 0
    )
