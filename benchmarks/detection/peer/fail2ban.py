"""fail2ban as it comes: an address is banned when it failed five times within ten minutes.

Source: man page jail.conf(5) and config/jail.conf of fail2ban/fail2ban: maxretry = 5, findtime = 10m (600 s),
bantime = 10m. Success does not reset the count. What a banned address sends does not reach the service, but in a
recorded log it is there; it does not count until the ban has ended.
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta

import pandas as pd

from benchmarks.detection.peer.alert import Alert, failures_by_address

MAX_RETRY = 5
FIND_TIME = timedelta(minutes=10)
BAN_TIME = timedelta(minutes=10)


def alerts(events: pd.DataFrame) -> list[Alert]:
    """Every ban."""
    return [
        Alert(at, "FAILED_LOGINS_SPIKE", tenant, "sshd", (address,))
        for tenant, address, rows in failures_by_address(events, MAX_RETRY)
        for at in _bans(list(rows["occurred_at"]))
    ]


def _bans(times: list[pd.Timestamp]) -> list[pd.Timestamp]:
    """When one address is banned, from the times of its failures in order."""
    recent: deque[pd.Timestamp] = deque()
    bans: list[pd.Timestamp] = []
    for at in times:
        if bans and at < bans[-1] + BAN_TIME:
            continue
        recent.append(at)
        while recent[0] <= at - FIND_TIME:
            recent.popleft()
        if len(recent) >= MAX_RETRY:
            bans.append(at)
            recent.clear()
    return bans
