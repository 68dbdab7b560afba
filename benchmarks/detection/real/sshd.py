"""Three real sshd logs: are attacking addresses found, how soon, and is anybody legitimate named?

`sshd_auth.log` is one host's log of 24 days, read by the product's own reader; `ssh_elastic_auth.csv.gz` labels it.
`ssh_gtk_auth.csv.gz` and `ssh_loghub_openssh2k.csv.gz` are two more, parsed. An attacker is an address labelled as
one with five failed tries or more; a legitimate address is one that ever logged in. The time to detect an address
runs from its first try to the first alert that names it, made after that try. An address that joined an incident
which was open already has none, and is counted.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.detection.real.data import Opened, event_frame, found, opened

TRIES = 5
_YEAR = 2017
"""Of `sshd_auth.log`; syslog tells none."""
_TYPES = {"fail": "login_failed", "success": "login_succeeded"}
LOGS = ("elastic", "gtk", "loghub_openssh2k")


def run(name: str, logs: tuple[str, ...] = LOGS) -> dict[str, Any]:
    """The figures of one detector on each log."""
    figures = {}
    for log in logs:
        labelled = _labelled(log)
        events = _raw() if log == "elastic" else _parsed(labelled)
        figures[log] = judge(labelled, events, opened(name, events, each_alert=True))
    return figures


def judge(labelled: pd.DataFrame, events: pd.DataFrame, alerts: list[Opened]) -> dict[str, Any]:
    """Compare what was opened with the labels (columns src_ip, outcome, label)."""
    tries = labelled[(labelled["outcome"] == "fail") & (labelled["label"] == "attack")]
    counts = tries["src_ip"].value_counts()
    attackers = set(counts[counts >= TRIES].index)
    legitimate = set(labelled.loc[labelled["outcome"] == "success", "src_ip"])
    hostile = set(labelled.loc[labelled["label"] == "attack", "src_ip"])
    named = {address for alert in alerts for address in alert.addresses}
    failed = events[events["type"] == "login_failed"]
    first = failed.groupby("ip")["occurred_at"].min()
    seconds = [
        min(times)
        for address in sorted(attackers & named)
        if (times := [(a.at - first[address]).total_seconds() for a in alerts if address in a.addresses
                      if a.at >= first[address]])
    ]  # fmt: skip
    return {
        "attackers": len(attackers),
        "found": len(attackers & named),
        "missed": sorted(attackers - named),
        "ttd_p50_s": round(float(np.median(seconds)), 1) if seconds else None,
        "timed": len(seconds),
        "joined_an_open_incident": len(attackers & named) - len(seconds),
        "legitimate": len(legitimate),
        "legitimate_named": sorted(legitimate & named),
        "lesser_attackers_named": len((named & hostile) - attackers - legitimate),
        "others_named": sorted(named - hostile - legitimate),
        "opened": len(alerts),
    }


def _labelled(log: str) -> pd.DataFrame:
    (file,) = found(f"ssh_{log}_auth.csv.gz" if log != "loghub_openssh2k" else f"ssh_{log}.csv.gz")
    return pd.read_csv(file)


def _raw() -> pd.DataFrame:
    from spine.event import EventLimits
    from spine.ids import TenantId
    from store.source import Source
    from tasks.backtesting import load

    (file,) = found("sshd_auth.log")
    table, _ = load(
        Source(path=file, format="sshd", now=datetime.now(UTC), tenant=TenantId("host"), year=_YEAR,
               limits=EventLimits(max_age=timedelta(days=20 * 365)))
    )  # fmt: skip
    events: pd.DataFrame = table.to_pandas()
    return events


def _parsed(labelled: pd.DataFrame) -> pd.DataFrame:
    logins = labelled[labelled["outcome"].isin(_TYPES)]
    rows = pd.DataFrame(
        {
            "type": logins["outcome"].map(_TYPES),
            "occurred_at": pd.to_datetime(logins["ts"], utc=True),
            "tenant_id": "host",
            "user_id": logins["user"].astype(object).where(logins["user"].notna(), None),
            "ip": logins["src_ip"],
        }
    )
    return event_frame(rows, "ssh")
