"""Diagrams as SVG, drawn from what stands here: boxes on a grid, arrows between them. No browser code, no fonts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

_WIDE, _HIGH, _GAP_X, _GAP_Y, _EDGE = 150, 54, 60, 46, 16
_INK, _PAPER, _LINE = "#1d2b32", "#ffffff", "#5b7480"
_FILLS = {"ours": "#e3f1ef", "outside": "#f4ede1", "person": "#e8e6f5"}


@dataclass(frozen=True, slots=True)
class Box:
    """Something at column and row (from 0) of the grid; `text` is one or two lines."""

    column: int
    row: int
    text: str
    kind: str = "ours"
    """ours, outside or person."""

    @property
    def x(self) -> int:
        """Of its left side."""
        return _EDGE + self.column * (_WIDE + _GAP_X)

    @property
    def y(self) -> int:
        """Of its upper side."""
        return _EDGE + self.row * (_HIGH + _GAP_Y)


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one box to another, by their names, with a word on it."""

    start: str
    end: str
    word: str = ""


def drawn(title: str, boxes: Mapping[str, Box], arrows: Sequence[Arrow]) -> str:
    """The SVG. `title` is what a screen reader says."""
    wide = max(box.x for box in boxes.values()) + _WIDE + _EDGE
    high = max(box.y for box in boxes.values()) + _HIGH + _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img" width="{wide}">',
        f"<title>{escape(title)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{_LINE}"/></marker></defs>',
        f'<rect width="{wide}" height="{high}" rx="8" fill="{_PAPER}"/>',
        '<g font-family="system-ui, sans-serif" font-size="13">',
        *(_arrow(boxes[one.start], boxes[one.end], one.word) for one in arrows),
        *(_box(box) for box in boxes.values()),
        "</g></svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(box: Box) -> str:
    lines = box.text.split("\n")
    first = box.y + _HIGH / 2 + 5 - 8 * (len(lines) - 1)
    words = "".join(
        f'<text x="{box.x + _WIDE / 2:g}" y="{first + 17 * n:g}" text-anchor="middle" fill="{_INK}"'
        f' font-weight="{400 if n else 600}">{escape(line)}</text>'
        for n, line in enumerate(lines)
    )
    return (
        f'<rect x="{box.x}" y="{box.y}" width="{_WIDE}" height="{_HIGH}" rx="8" fill="{_FILLS[box.kind]}"'
        f' stroke="{_LINE}"/>{words}'
    )


def _arrow(start: Box, end: Box, word: str) -> str:
    x1, y1, x2, y2 = _ends(start, end)
    from_to = f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'
    line = f'<line {from_to} stroke="{_LINE}" stroke-width="1.5" marker-end="url(#tip)"/>'
    if not word:
        return line
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    beside = x1 == x2
    where = f'x="{x + 6:g}" y="{y + 4:g}"' if beside else f'x="{x:g}" y="{y - 6:g}" text-anchor="middle"'
    return f'{line}<text {where} fill="{_LINE}" font-size="11">{escape(word)}</text>'


def _ends(start: Box, end: Box) -> tuple[float, float, float, float]:
    """Where an arrow leaves the one and reaches the other: by the sides that face each other."""
    middle_x, middle_y = _WIDE / 2, _HIGH / 2
    if start.row == end.row:
        right = end.column > start.column
        return (
            start.x + (_WIDE if right else 0), start.y + middle_y, end.x + (0 if right else _WIDE), end.y + middle_y
        )  # fmt: skip
    down = end.row > start.row
    return start.x + middle_x, start.y + (_HIGH if down else 0), end.x + middle_x, end.y + (0 if down else _HIGH)


def walk() -> str:
    """The walk of an event, from the application and back to it."""
    boxes = {
        "app": Box(0, 0, "Application\nlogin page", "outside"),
        "gateway": Box(1, 0, "Gateway\ningest"),
        "events": Box(2, 0, "auth_ops_logs\nevents, windows"),
        "detect": Box(3, 0, "Detect\nfindings, incident"),
        "run": Box(3, 1, "Runbook run\ndiagnose, decide"),
        "ask": Box(2, 1, "Approval\nplan_hash"),
        "person": Box(1, 1, "Responder\nSlack, console, CLI", "person"),
        "lease": Box(2, 2, "Lease\nintent, effect, end"),
        "flags": Box(1, 2, "Flags\nOFREP"),
        "verify": Box(3, 2, "Verify\nfixed? harmful?"),
        "audit": Box(3, 3, "Audit chain\nevery transition"),
        "relay": Box(2, 3, "Outbox, relay\nmessages"),
        "reader": Box(0, 2, "Application\nreads flags", "outside"),
    }
    arrows = [
        Arrow("app", "gateway", "events"), Arrow("gateway", "events"), Arrow("events", "detect", "30 s"),
        Arrow("detect", "run", "incident id"), Arrow("run", "ask", "gate"), Arrow("ask", "person"),
        Arrow("ask", "lease", "yes"), Arrow("lease", "flags"), Arrow("flags", "reader", "read"),
        Arrow("lease", "verify"), Arrow("verify", "audit"), Arrow("lease", "relay"),
    ]  # fmt: skip
    return drawn("The walk of an event", boxes, arrows)


def lease() -> str:
    """The states of a lease."""
    boxes = {
        "intended": Box(0, 0, "intended\ncommitted first"),
        "applying": Box(1, 0, "applying\nthe call is made"),
        "active": Box(2, 0, "active\nread back"),
        "verified": Box(3, 0, "verified\nit helped"),
        "unknown": Box(1, 1, "unknown\nno answer came"),
        "reverting": Box(2, 1, "reverting\nend, harm, a person"),
        "reverted": Box(3, 1, "reverted\nexact prior version"),
        "failed": Box(2, 2, "revert_failed\npages"),
    }
    arrows = [
        Arrow("intended", "applying"), Arrow("applying", "active"), Arrow("active", "verified"),
        Arrow("active", "reverting"), Arrow("verified", "reverting"), Arrow("applying", "unknown"),
        Arrow("unknown", "reverting", "read back"), Arrow("unknown", "active"), Arrow("reverting", "reverted"),
        Arrow("reverting", "failed"), Arrow("failed", "reverting", "tried again"),
    ]  # fmt: skip
    return drawn("The states of a lease", boxes, arrows)


def boundaries() -> str:
    """The boundaries of trust that docs/security.md goes through."""
    boxes = {
        "app": Box(0, 0, "Applications\nevents, OFREP", "outside"),
        "browser": Box(0, 1, "Browsers\npeople", "person"),
        "slack": Box(0, 2, "Slack\nclicks", "outside"),
        "gateway": Box(1, 1, "Gateway"),
        "database": Box(2, 1, "PostgreSQL\nroles, RLS"),
        "prefect": Box(2, 0, "Prefect\nAPI, UI"),
        "runs": Box(3, 1, "Runner, runs\nplug-ins"),
        "relay": Box(2, 2, "Relay"),
        "idp": Box(4, 1, "Identity\nproviders", "outside"),
        "hooks": Box(3, 2, "Webhooks, mail\nreceivers", "outside"),
        "operator": Box(3, 0, "Operator's\nmachine", "person"),
    }
    arrows = [
        Arrow("app", "gateway"), Arrow("browser", "gateway"), Arrow("slack", "gateway"), Arrow("gateway", "database"),
        Arrow("gateway", "prefect"), Arrow("runs", "database"), Arrow("runs", "idp"), Arrow("database", "relay"),
        Arrow("relay", "hooks"), Arrow("runs", "prefect"), Arrow("operator", "runs"),
    ]  # fmt: skip
    return drawn("Boundaries of trust", boxes, arrows)


DIAGRAMS: Mapping[str, Callable[[], str]] = {"walk.svg": walk, "lease.svg": lease, "boundaries.svg": boundaries}
"""By the name of their file in docs/images."""
