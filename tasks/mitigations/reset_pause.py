"""reset.pause: take no password resets of the tenant for a while."""

from datetime import timedelta

import pandas as pd

from spine.action import ActionSpec, NoParams, Ttl
from spine.plan import Risk
from spine.precondition import abuse_proven
from tasks.flag_mitigation import FlagMitigation


def _stops(_params: NoParams, _targets: tuple[str, ...], attempts: pd.DataFrame) -> "pd.Series[bool]":
    return attempts["type"].astype(str).str.startswith("password_reset_")


SPEC = ActionSpec(
    key="reset.pause",
    title="Pause password resets",
    params=NoParams,
    risk=Risk.HIGH,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=5), max=timedelta(minutes=60), default=timedelta(minutes=15)),
    stops=_stops,
    flag_key="auth.passwordReset.disabled",
    guards=(abuse_proven,),
    hit_cap=1,
)
MITIGATION = FlagMitigation(SPEC)
