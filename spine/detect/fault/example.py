"""Small frames of failures built from a few words: for the examples of detectors, and for tests."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from spine.detect import example
from spine.detect.entity.frames import EntityFrames
from spine.detect.fault.family import PROVIDED, Family
from spine.detect.frames import COLUMNS, Frames

_PAST_DAYS = 28


@dataclass(frozen=True, slots=True)
class Faults:
    """One tenant's last quarter of an hour, nothing before it."""

    tenant: str
    failures: int
    tries: int
    usual: float = 0.1
    """Failures an hour, always."""
    usual_tries: float = 10
    provider: str = ""
    recent: int = 0
    """How many of the failures are younger than five minutes."""

    def rows(self, family: Family, now: datetime) -> list[dict[str, object]]:
        """Rows of the frame `faults`: its failures, and its tries as successes and as attempts."""
        sign = PROVIDED + self.provider if family.per_provider else ""
        good = self.tries - self.failures
        counted = [(family.failures[0], self.failures, self.recent, self.usual)]
        if family.attempts:
            counted.append((family.attempts[0], self.tries, self.recent, self.usual_tries))
        else:
            counted.append((family.successes[0], good, 0, self.usual_tries - self.usual))
        return [
            {
                "tenant_id": self.tenant, "type": kind.value + sign, "n_5m": recent, "n_15m": n, "n_60m": n,
                "first_at": now, "last_at": now, "mean_60m": usual, "var_60m": usual,
                "total": usual * 3 * _PAST_DAYS,
            }
            for kind, n, recent, usual in counted
        ]  # fmt: skip


def faults(family: Family, *given: Faults, now: datetime = example.NOW) -> Frames:
    """Frames in which nothing but these failures happened, to tenants with 28 days of history."""
    rows = pd.DataFrame([row for one in given for row in one.rows(family, now)], columns=list(COLUMNS["faults"]))
    times = {name: pd.to_datetime(rows[name], utc=True).dt.as_unit("us") for name in ("first_at", "last_at")}
    tenants = pd.DataFrame(
        {
            "tenant_id": sorted({one.tenant for one in given}), "watermark": pd.Timestamp(now),
            "history_days": float(_PAST_DAYS), "active_users": 100, "calm_users_15m": 0,
        }
    )  # fmt: skip
    empty = {name: pd.DataFrame(columns=list(COLUMNS[name])) for name in ("series", "logins", "addresses", "unknown")}
    return Frames(now=now, tenants=tenants, faults=rows.assign(**times), entities=EntityFrames(), **empty)
