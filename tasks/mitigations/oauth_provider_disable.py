"""oauth.provider_disable: hide a way to log in that fails, or refuse it."""

from datetime import timedelta
from typing import Literal

import pandas as pd

from spine.action import ActionParams, ActionSpec, Names, Ttl
from spine.plan import Risk
from spine.precondition import another_way
from tasks.flag_mitigation import FlagMitigation


class Params(ActionParams):
    """How."""

    mode: Literal["hide", "block"] = "hide"
    """hide = it is not offered any more; block = it is refused, too."""


def _stops(_params: Params, targets: tuple[str, ...], attempts: pd.DataFrame) -> "pd.Series[bool]":
    """Hidden or blocked, nobody new comes back from it."""
    return attempts["provider"].isin(targets)


def _variant(params: Params) -> str:
    return params.mode


SPEC = ActionSpec(
    key="oauth.provider_disable",
    title="Take a failing provider out of the ways to log in",
    params=Params,
    risk=Risk.HIGH,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=15), max=timedelta(minutes=240), default=timedelta(minutes=60)),
    stops=_stops,
    max_targets=5,
    names=Names(of="provider", noun="providers"),
    flag_key="auth.oauth.disabled",
    variant=_variant,
    guards=(another_way,),
    hit_cap=1,
)
MITIGATION = FlagMitigation(SPEC)
