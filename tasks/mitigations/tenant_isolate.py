"""tenant.isolate: let the tenant only read, or take it offline."""

from datetime import timedelta
from typing import Literal

import pandas as pd

from spine.action import ActionParams, ActionSpec, Ttl
from spine.plan import Risk
from tasks.flag_mitigation import FlagMitigation


class Params(ActionParams):
    """How far."""

    mode: Literal["read_only", "offline"] = "read_only"


def _stops(_params: Params, _targets: tuple[str, ...], attempts: pd.DataFrame) -> "pd.Series[bool]":
    """Events do not say which accesses only read: everything counts as stopped, so as not to promise too much."""
    return pd.Series(True, index=attempts.index, dtype=bool)


def _variant(params: Params) -> str:
    return params.mode


SPEC = ActionSpec(
    key="tenant.isolate",
    title="Isolate the tenant",
    params=Params,
    risk=Risk.CRITICAL,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=15), max=timedelta(minutes=240), default=timedelta(minutes=60)),
    stops=_stops,
    flag_key="tenant.isolation",
    variant=_variant,
    hit_cap=1,
    containment=True,
)
MITIGATION = FlagMitigation(SPEC)
