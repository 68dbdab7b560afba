"""Does a backtest of a real sshd log name every attacker, and nobody who ever logged in?

    python benchmarks/sshd_evidence.py [--data ../shared/data] [--days N]

Truth: addresses labelled as attackers with at least five failed tries in `ssh_elastic_auth.csv.gz`; fail2ban
(`maxretry = 5`, `findtime = 10m`) names all 100 of them. Exit code 0 only if none is missing and no address
with a login is named. `--days` looks at the first days alone.
"""

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from spine.event import EventLimits
from spine.ids import TenantId
from spine.settings import Settings
from store.source import Source
from tasks.backtesting import backtest, load

TRIES = 5
YEAR = 2017


def truth(file: Path, until: pd.Timestamp) -> tuple[dict[str, pd.Timestamp], set[str]]:
    """Attackers with the time of their fifth try, and every address that ever logged in."""
    rows = pd.read_csv(file)
    rows["ts"] = pd.to_datetime(rows["ts"], utc=True)
    tries = rows[(rows["outcome"] == "fail") & (rows["label"] == "attack") & (rows["ts"] < until)].sort_values("ts")
    fifth = tries[tries.groupby("src_ip").cumcount() == TRIES - 1].set_index("src_ip")["ts"]
    return fifth.to_dict(), set(rows.loc[rows["outcome"] == "success", "src_ip"])


def main() -> int:
    """Replay, compare, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--days", type=float, default=10_000)
    args = parser.parse_args()
    source = Source(
        path=args.data / "sshd_auth.log", format="sshd", now=datetime.now(UTC), tenant=TenantId("host"), year=YEAR,
        limits=EventLimits(max_age=timedelta(days=20 * 365)),
    )  # fmt: skip
    table, refused = load(source)
    events = table.to_pandas()
    until = events["occurred_at"].min() + timedelta(days=args.days)
    report = backtest(events[events["occurred_at"] < until], Settings())
    named = {address for line in report.lines for address in line["evidence"]["addresses"]}
    expected, logged_in = truth(args.data / "ssh_elastic_auth.csv.gz", until)
    result = {
        "expected": len(expected),
        "found": len(named & expected.keys()),
        "missing": sorted(expected.keys() - named),
        "named_although_logged_in": sorted(named & logged_in),
        "named_besides": sorted(named - expected.keys() - logged_in),
        "incidents": len(report.lines),
        "events": report.events,
        "refused": refused + report.refused,
        "ticks": report.ticks,
    }
    print(json.dumps(result, indent=2))
    return 1 if result["missing"] or result["named_although_logged_in"] or not expected else 0


if __name__ == "__main__":
    sys.exit(main())
