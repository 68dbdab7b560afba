"""The benchmark's command line: `python -m benchmarks.ranking -h`."""

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.detection.table import markdown
from benchmarks.ranking.preset import PRESETS
from benchmarks.ranking.sample import samples


def main(arguments: list[str] | None = None) -> int:
    """Make examples of worlds, one world after the other, or judge models on them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ranking", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    made = commands.add_parser("samples", help="worlds, replayed through the product, as examples to learn from")
    made.add_argument("--preset", choices=PRESETS, default="tiny-rough")
    made.add_argument("--seeds", type=int, nargs="+", default=[1])
    made.add_argument("--out", type=Path, required=True, help="file of JSON lines; what it has is kept")
    made.set_defaults(run=_samples)
    judged = commands.add_parser("judge", help="figures of models trained on all worlds but those they are judged on")
    judged.add_argument("files", nargs="+", type=Path, metavar="FILE", help="files of examples")
    judged.set_defaults(run=_judge)
    options = parser.parse_args(arguments)
    options.run(options)
    return 0


def _samples(options: argparse.Namespace) -> None:
    for seed in options.seeds:
        started = time.monotonic()
        lines = list(samples(PRESETS[options.preset], seed, options.preset))
        with options.out.open("a") as out:
            out.writelines(json.dumps(line) + "\n" for line in lines)
        real = sum(line["outcome"] == "real" for line in lines)
        took = time.monotonic() - started
        print(f"{options.preset}/{seed}: {len(lines)} incidents opened, {real} of them real, {took:.0f} s", flush=True)


def _judge(options: argparse.Namespace) -> None:
    from ml.judge import judge
    from ml.sample import of_line, table

    lines = [json.loads(line) for file in options.files for line in file.read_text().splitlines()]
    judged = judge(table([of_line(line) for line in lines]))
    print(markdown([{"ranked by": name, **figures.told()} for name, figures in judged.figures.items()]))
    print(f"\n`opsspine ml train` would rank by {judged.ranker}.")


if __name__ == "__main__":
    sys.exit(main())
