"""jwt.kid_reject: refuse every token that a key signed."""

from datetime import timedelta

import pandas as pd

from spine.action import ActionSpec, Names, NoParams, Ttl
from spine.plan import Risk
from spine.precondition import replacement_live
from tasks.flag_mitigation import FlagMitigation


def _stops(_params: NoParams, targets: tuple[str, ...], attempts: pd.DataFrame) -> "pd.Series[bool]":
    return attempts["kid"].isin(targets)


SPEC = ActionSpec(
    key="jwt.kid_reject",
    title="Refuse tokens of a key",
    params=NoParams,
    risk=Risk.CRITICAL,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=15), max=timedelta(minutes=1440), default=timedelta(minutes=240)),
    stops=_stops,
    max_targets=5,
    names=Names(of="kid", noun="keys"),
    flag_key="auth.jwt.rejectKid",
    guards=(replacement_live,),
    hit_cap=1,
    containment=True,
)
MITIGATION = FlagMitigation(SPEC)
