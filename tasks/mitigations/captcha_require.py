"""captcha.require: ask for a captcha at login, of risky attempts or of everybody."""

from datetime import timedelta
from typing import Literal

import pandas as pd

from spine.action import ActionParams, ActionSpec, Ttl
from spine.flag.hold import Scalar
from spine.guard import captcha_ready, no_api_clients
from spine.plan import Risk
from tasks.flag_mitigation import FlagMitigation


class Params(ActionParams):
    """Of whom."""

    mode: Literal["risk", "all"] = "risk"
    """risk = the application asks attempts that look risky to it; all = it asks every attempt."""


def _risk(params: Params) -> Risk:
    return Risk.LOW if params.mode == "risk" else Risk.MEDIUM


def _stops(params: Params, _targets: tuple[str, ...], logins: pd.DataFrame) -> "pd.Series[bool]":
    """People solve a captcha, programs do not: who logged in before the attack counts as a person."""
    stranger: pd.Series[bool] = ~logins["known_user"].astype(bool)
    return stranger & ~logins["known_address"].astype(bool) if params.mode == "risk" else stranger


def _metadata(params: Params) -> dict[str, Scalar]:
    return {"mode": params.mode}


SPEC = ActionSpec(
    key="captcha.require",
    title="Require a captcha at login",
    params=Params,
    risk=_risk,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=5), max=timedelta(minutes=240), default=timedelta(minutes=60)),
    stops=_stops,
    flag_key="auth.captcha.required",
    guards=(captcha_ready, no_api_clients),
    challenges=True,
)
MITIGATION = FlagMitigation(SPEC, _metadata)
