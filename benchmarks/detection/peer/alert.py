"""Alerts of a peer, and the incidents that a pager would make of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd

QUIET = timedelta(hours=1)
"""Alerts of one rule at one tenant belong together until none came for this long."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule fired."""

    at: pd.Timestamp
    type: str
    """Of incident."""
    tenant: str
    rule: str
    addresses: tuple[str, ...] = ()
    user: str | None = None
    """Where the rule is about one user."""


Peer = Callable[[pd.DataFrame], list[Alert]]
"""Takes events (columns as in the event row) in any order, looks at nothing later than each alert."""


def records(rows: pd.DataFrame) -> Iterator[Any]:
    """The rows one by one, columns as attributes."""
    yield from rows.itertuples()


def text(value: Any) -> str | None:
    """The value as text; None where there is none."""
    return None if pd.isna(value) else str(value)


def failures_by_address(events: pd.DataFrame, least: int) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Tenant, address and failed logins in order, of the addresses that have at least so many."""
    failed = events[(events["type"] == "login_failed") & events["ip"].notna()].sort_values("occurred_at", kind="stable")
    keys = ["tenant_id", "ip"]
    many = failed[failed.groupby(keys, observed=True)["type"].transform("size") >= least]
    for key, rows in many.groupby(keys, observed=True, sort=False):
        tenant, address = map(str, key)
        yield tenant, address, rows


def lines(alerts: Iterable[Alert], quiet: timedelta = QUIET) -> list[dict[str, Any]]:
    """Lines of incidents.jsonl: one per type, tenant and user, open until nothing came for `quiet`."""
    live: dict[tuple[str, str, str | None], tuple[pd.Timestamp, dict[str, Any]]] = {}
    found: list[dict[str, Any]] = []
    for alert in sorted(alerts, key=lambda a: (a.at, a.tenant, a.type)):
        key = (alert.type, alert.tenant, alert.user)
        last, line = live.get(key, (None, {}))
        if last is None or alert.at - last > quiet:
            line = {
                "type": alert.type,
                "tenant_id": alert.tenant,
                "opened_at": alert.at.isoformat(),
                **({"user_id": alert.user} if alert.user else {}),
                "severity": "MEDIUM",
                "evidence": {"detectors": [], "addresses": []},
            }
            found.append(line)
        evidence = line["evidence"]
        evidence["detectors"] += [alert.rule] if alert.rule not in evidence["detectors"] else []
        evidence["addresses"] += [a for a in alert.addresses if a not in evidence["addresses"]]
        live[key] = (alert.at, line)
    return found
