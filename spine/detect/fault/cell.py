"""One family's counts as arrays: one place per tenant, or per tenant and provider."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spine.detect.fault.family import PROVIDED, Family
from spine.event_type import EventType

Floats = npt.NDArray[np.float64]
WINDOWS = {"5m": 5, "15m": 15, "60m": 60}
"""Minutes."""
_NEVER = np.iinfo(np.int64)


@dataclass(frozen=True, slots=True)
class Cells:
    """Failures and tries of the last hour, and what is usual; every array has one place per cell."""

    tenant: npt.NDArray[Any]
    provider: npt.NDArray[Any]
    """Empty where providers are not told apart."""
    failures: dict[str, Floats]
    """By window."""
    tries: dict[str, Floats]
    usual: Floats
    """Failures an hour at this hour of the day; NaN = under 7 days of history."""
    variance: Floats
    usual_tries: Floats
    past_failures: Floats
    """In the hours compared: at this hour of the day and one hour around it, over 28 days."""
    past_tries: Floats
    first: pd.DatetimeIndex
    """Minute of the earliest failure within the hour; of no meaning where there is none."""
    last: pd.DatetimeIndex

    def __len__(self) -> int:
        return len(self.tenant)

    def share(self, prior_tries: float, floor: float) -> Floats:
        """The usual share of tries that fail: the cell's own, drawn to that of all cells while it is young."""
        total = self.past_tries.sum()
        common = self.past_failures.sum() / total if total else 0.0
        return np.fmax((self.past_failures + prior_tries * common) / (self.past_tries + prior_tries), floor)


def cells(rows: pd.DataFrame, family: Family) -> Cells:
    """The cells of `family` in the frame `faults`."""
    codes, names = pd.factorize(rows["type"])
    kinds = [_split(str(name), family) for name in names]
    mine = np.array([kind is not None for kind, _ in kinds] + [False])[codes]
    rows, codes = rows[mine], codes[mine]
    providers = np.array([provider for _, provider in kinds], dtype=object)[codes]
    who, tenants = pd.factorize(rows["tenant_id"])
    which, provided = pd.factorize(providers)
    places, place = np.unique(who * max(len(provided), 1) + which, return_inverse=True)
    role = {
        name: np.array([kind in types for kind, _ in kinds], dtype=bool)[codes]
        for name, types in (
            ("failures", family.failures), ("attempts", family.attempts),
            ("successes", family.successes), ("activity", family.activity),
        )
    }  # fmt: skip

    def sums(column: str, name: str) -> Floats:
        weights = np.where(role[name], rows[column].to_numpy(float), 0.0)
        return np.bincount(place, weights, len(places)).astype(float)

    tries = _tries(sums, family)
    failed = role["failures"]
    return Cells(
        tenant=np.asarray(tenants, dtype=object)[places // max(len(provided), 1)],
        provider=np.asarray(provided, dtype=object)[places % max(len(provided), 1)],
        failures={name: sums(f"n_{name}", "failures") for name in WINDOWS},
        tries={name: tries(f"n_{name}") for name in WINDOWS},
        usual=sums("mean_60m", "failures"),
        variance=sums("var_60m", "failures"),
        usual_tries=tries("mean_60m"),
        past_failures=sums("total", "failures"),
        past_tries=tries("total"),
        first=_extreme(np.minimum, rows["first_at"], failed, place, len(places)),
        last=_extreme(np.maximum, rows["last_at"], failed, place, len(places)),
    )


def _split(name: str, family: Family) -> tuple[EventType | None, str]:
    """Type and provider of a series, as far as it is the family's."""
    kind, sign, provider = name.partition(PROVIDED)
    ours = bool(sign) == family.per_provider and kind in family.types
    return (EventType(kind), provider) if ours else (None, "")


def _tries(sums: Callable[[str, str], Floats], family: Family) -> Callable[[str], Floats]:
    """How many tries a column counts: what came before the outcome, or the outcomes, whichever is known of more."""
    told = sums("total", "successes") + sums("total", "attempts") > 0
    told |= sums("n_60m", "successes") + sums("n_60m", "attempts") > 0

    def tries(column: str) -> Floats:
        failed = sums(column, "failures")
        known: Floats = np.fmax(sums(column, "attempts"), failed + sums(column, "successes"))
        return np.where(told, known, np.fmax(failed, sums(column, "activity"))) if family.activity else known

    return tries


def _extreme(
    pick: Any, times: pd.Series, failed: npt.NDArray[np.bool_], place: npt.NDArray[np.intp], size: int
) -> pd.DatetimeIndex:
    found = np.full(size, _NEVER.max if pick is np.minimum else _NEVER.min, np.int64)
    moments = times.to_numpy("datetime64[us]").astype(np.int64)
    pick.at(found, place[failed], moments[failed])
    found[np.bincount(place, failed, size) == 0] = _NEVER.min  # no time
    return pd.DatetimeIndex(found.view("datetime64[us]")).tz_localize("UTC")
