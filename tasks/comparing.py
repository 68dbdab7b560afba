"""Two backtests of the same events: what a change would have opened, missed, asked and affected."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from spine.severity import Severity

_SAME = timedelta(hours=2)
"""Incidents of one cause that open within this time of each other are the same one: no longer than an episode's quiet
time, after which it would have been another."""
_LISTED = 50
Line = dict[str, Any]


@dataclass(slots=True)
class Difference:
    """What changed for one type of incident."""

    before: int = 0
    after: int = 0
    opened: list[Line] = field(default_factory=list)
    """Only after the change."""
    missed: list[Line] = field(default_factory=list)
    """Only before it."""
    both: list[tuple[Line, Line]] = field(default_factory=list)
    """Before, after."""

    @property
    def regraded(self) -> list[tuple[Line, Line]]:
        """Those of another severity."""
        return [(a, b) for a, b in self.both if a["severity"] != b["severity"]]

    @property
    def minutes_later(self) -> float:
        """Median over those of both, of the ones that moved; 0 where none did."""
        moved = [m for a, b in self.both if (m := (_at(b) - _at(a)) / timedelta(minutes=1))]
        return median(moved) if moved else 0.0


def compare(before: Sequence[Line], after: Sequence[Line]) -> dict[str, Difference]:
    """The differences by type of incident, types in order. Lines are those of a backtest's file."""
    found: defaultdict[str, Difference] = defaultdict(Difference)
    left: defaultdict[tuple[Any, ...], list[Line]] = defaultdict(list)
    for line in sorted(before, key=_at):
        left[_cause(line)].append(line)
        found[line["type"]].before += 1
    for line in sorted(after, key=_at):
        difference, candidates = found[line["type"]], left[_cause(line)]
        difference.after += 1
        twin = min(candidates, key=lambda one: abs(_at(one) - _at(line)), default=None)
        if twin is None or abs(_at(twin) - _at(line)) > _SAME:
            difference.opened.append(line)
        else:
            candidates.remove(twin)
            difference.both.append((twin, line))
    for lines in left.values():
        for line in lines:
            found[line["type"]].missed.append(line)
    return {kind: found[kind] for kind in sorted(found)}


def asked(lines: Sequence[Line]) -> str:
    """Proposed steps by gate, in words; "n/a" where no runbook was asked."""
    advice = [line["advice"] for line in lines if line.get("advice")]
    if not advice:
        return "n/a"
    gates: Counter[str] = Counter()
    for one in advice:
        gates.update(one["gates"])
    return ", ".join(f"{n} {gate}" for gate, n in sorted(gates.items())) or "nothing"


def affected(lines: Sequence[Line]) -> str:
    """Legitimate users whom the proposed steps would have hit, by the engine's own estimate."""
    advice = [line["advice"] for line in lines if line.get("advice")]
    return str(sum(one["legitimate_users_hit"] for one in advice)) if advice else "n/a"


HEAD = ("type", "before", "after", "opened", "missed", "regraded", "later by min", "asked", "users affected")


def rows(differences: dict[str, Difference]) -> list[tuple[str, ...]]:
    """One row per type, in the order of HEAD."""
    found: list[tuple[str, ...]] = []
    for kind, one in differences.items():
        old, new = [a for a, _ in one.both] + one.missed, [b for _, b in one.both] + one.opened
        found.append(
            (kind, str(one.before), str(one.after), str(len(one.opened)), str(len(one.missed)),
             str(len(one.regraded)), f"{one.minutes_later:+.1f}" if one.minutes_later else "0",
             _changed(asked(old), asked(new)), _changed(affected(old), affected(new)))
        )  # fmt: skip
    return found


def markdown(differences: dict[str, Difference], *, what: str, before: str, after: str) -> str:
    """The report for a pull request."""
    lines = [
        f"## Backtest: {after} against {before}", "", what, "",
        "| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD),
        *("| " + " | ".join(row) + " |" for row in rows(differences)), "",
    ]  # fmt: skip
    if not any(one.opened or one.missed or one.regraded for one in differences.values()):
        lines += ["Nothing would have opened, been missed or been graded differently.", ""]
    for title, kept in (("Opened in addition", "opened"), ("Missed", "missed")):
        listed = [line for one in differences.values() for line in getattr(one, kept)]
        lines += _listed(title, [f"- {_told(line)}" for line in sorted(listed, key=_at)])
    regraded = [pair for one in differences.values() for pair in one.regraded]
    lines += _listed(
        "Graded differently",
        [f"- {_told(b)}, was {Severity(a['severity']).label}" for a, b in sorted(regraded, key=lambda p: _at(p[1]))],
    )
    return "\n".join(lines)


def _listed(title: str, told: list[str]) -> list[str]:
    if not told:
        return []
    more = [f"- and {len(told) - _LISTED} more"] if len(told) > _LISTED else []
    return [f"### {title}", "", *told[:_LISTED], *more, ""]


def _told(line: Line) -> str:
    """One incident in one line."""
    whose = line["tenant_id"] or "all tenants"
    steps = (line.get("advice") or {}).get("steps")
    proposed = f"; would propose {', '.join(steps)}" if steps else ""
    by = ", ".join(sorted(line["evidence"].get("detectors", {})))
    return f"{line['opened_at']} {line['type']} of {whose}, {Severity(line['severity']).label}, by {by}{proposed}"


def _changed(old: str, new: str) -> str:
    return old if old == new else f"{old} → {new}"


def _cause(line: Line) -> tuple[Any, ...]:
    return line["type"], line["tenant_id"], line.get("subject")


def _at(line: Line) -> datetime:
    return datetime.fromisoformat(line["opened_at"])
