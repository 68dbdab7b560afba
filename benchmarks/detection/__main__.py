"""The benchmark's command line: `python -m benchmarks.detection -h`."""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.detection.detector import detector
from benchmarks.detection.export import write
from benchmarks.detection.preset import PRESETS
from benchmarks.detection.real import ait, hub, sshd
from benchmarks.detection.real.data import Absent
from benchmarks.detection.score import Score, score
from benchmarks.detection.table import markdown
from benchmarks.detection.unit import incidents, lookalikes

_DETECTOR = "opsspine, fail2ban, crowdsec, fixed, or a command with {events}, {out} and perhaps {history_days} in it"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 3 when the public data for it are absent."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except Absent as reason:
        print(f"skipped: {reason}", file=sys.stderr)
        return 3
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    world = commands.add_parser("world", help="make a world: events.parquet and truth.json")
    world.add_argument("--out", type=Path, required=True, help="folder")
    world.add_argument("--seed", type=int, default=1)
    world.add_argument("--preset", choices=PRESETS, default="small")
    world.set_defaults(run=_world)

    units = commands.add_parser("units", help="list the kinds of incident and the look-alikes")
    units.set_defaults(run=_units)

    detect = commands.add_parser("detect", help="let a detector, or a peer's rules, loose on a file of events")
    detect.add_argument("events", type=Path)
    detect.add_argument("--detector", required=True, help=_DETECTOR)
    detect.add_argument("--history-days", type=float, default=28)
    detect.add_argument("--out", type=Path, required=True, help="incidents.jsonl")
    detect.set_defaults(run=_detect)

    scored = commands.add_parser("score", help="score pairs of truth.json and incidents.jsonl")
    scored.add_argument("pairs", nargs="+", type=Path, metavar="FILE", help="truth.json incidents.jsonl ...")
    scored.add_argument("--json", action="store_true")
    scored.set_defaults(run=_score)

    whole = commands.add_parser("run", help="worlds, detectors and scores in one go")
    whole.add_argument("--preset", choices=PRESETS, default="small")
    whole.add_argument("--seeds", type=int, nargs="+", default=[1])
    whole.add_argument("--detector", nargs="+", default=["fixed", "fail2ban", "crowdsec"], help=_DETECTOR)
    whole.set_defaults(run=_run)

    real = commands.add_parser("real", help="public data: real logs (OPSSPINE_TEST_DATA says where they are)")
    real.add_argument("data", choices=_REAL)
    real.add_argument("--detector", nargs="+", default=["fail2ban"], help=_DETECTOR + "; for ait also wazuh")
    real.add_argument("--json", action="store_true")
    real.set_defaults(run=_real)
    return parser


def _world(options: argparse.Namespace) -> None:
    world, events = write(PRESETS[options.preset], options.seed, options.out)
    print(f"{events:,} events of {len(world.people)} tenants with {len(world.incidents)} incidents in {options.out}")


def _units(options: argparse.Namespace) -> None:
    for title, units in (("incidents", incidents()), ("look-alikes", lookalikes())):
        print(title)
        for unit in units:
            print(f"  {unit.name:22} {unit.about}")


def _detect(options: argparse.Namespace) -> None:
    lines = detector(options.detector)(options.events, options.history_days)
    options.out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    print(f"{len(lines)} incidents in {options.out}")


def _score(options: argparse.Namespace) -> None:
    if len(options.pairs) % 2:
        raise SystemExit("Files come in pairs: truth.json incidents.jsonl. One is missing its other; nothing scored.")
    pairs = list(zip(options.pairs[::2], options.pairs[1::2], strict=True))
    total = score(pairs)
    if options.json:
        print(json.dumps({"summary": total.summary(), "types": total.table()}))
    else:
        print(_told(total))


def _run(options: argparse.Namespace) -> None:
    preset, totals = PRESETS[options.preset], {name: Score() for name in options.detector}
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(preset, seed, folder)
            truth = json.loads((folder / "truth.json").read_text())
            for which, total in totals.items():
                total.add(truth, detector(which)(folder / "events.parquet", preset.history_days))
    print(markdown([{"detector": name, **total.summary()} for name, total in totals.items()]))
    for name, total in totals.items():
        print(f"\n{name}\n\n{_told(total)}")


def _told(total: Score) -> str:
    rows = [{"type": name, **_flat(row)} for name, row in total.table().items()]
    return markdown(rows) + "\n\n" + json.dumps(total.summary())


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the table of types with its inner dictionaries as text, and a cell for the slow spray in each."""
    slow = row.get("slow_spray")
    told = {name: value for name, value in row.items() if name not in ("slow_spray", "found")}
    told["slow_spray_p95_min"] = slow["ttd_p95_min"] if slow else None
    return {**told, "found": ", ".join(f"{kind} {share}" for kind, share in row["found"].items())}


def _ssh_rows(name: str) -> list[dict[str, Any]]:
    return [{"log": log, **figures} for log, figures in sshd.run(name).items()]


_REAL: dict[str, Callable[[str], list[dict[str, Any]]]] = {
    "sshd": _ssh_rows,
    "hub": lambda name: [hub.run(name)],
    "ait": lambda name: [ait.run(name)],
}


def _real(options: argparse.Namespace) -> None:
    rows = [{"detector": name, **row} for name in options.detector for row in _REAL[options.data](name)]
    print(json.dumps(rows, indent=2) if options.json else markdown(rows))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the product's database is stopped, too
    sys.exit(main())
