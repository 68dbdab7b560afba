"""oauth.provider_disable: hide a way to log in that fails, or refuse it."""

from datetime import timedelta
from typing import Literal

import numpy as np
import pandas as pd

from spine.action import ActionParams, ActionSpec, Names, Ttl
from spine.callback import Fault, fault_of
from spine.easing import Stage
from spine.event_type import EventType as T
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


def _fared(attempts: pd.DataFrame) -> pd.DataFrame:
    """Callbacks; those that failed by the user's own choice tell nothing."""
    rows = attempts[attempts["type"].isin((T.OAUTH_CALLBACK_OK.value, T.OAUTH_CALLBACK_ERROR.value))]
    failed = rows["type"] == T.OAUTH_CALLBACK_ERROR.value
    own = [bad and fault_of(said) is Fault.USER for bad, said in zip(failed, rows["attributes"], strict=True)]
    return rows.assign(failed=failed)[~np.array(own, dtype=bool)]


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
    easing=(Stage(before_end=timedelta(minutes=20), back=10), Stage(before_end=timedelta(minutes=10), back=50)),
    relapse=_fared,
)
MITIGATION = FlagMitigation(SPEC)
