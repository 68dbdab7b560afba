"""captcha.require: ask for a captcha at login or at sign-up, of risky attempts or of everybody."""

from datetime import timedelta
from typing import Literal

import pandas as pd
from pydantic import Field

from spine.action import ActionParams, ActionSpec, Ttl
from spine.family import Fate
from spine.flag.hold import Scalar
from spine.guard import captcha_ready
from spine.plan import Risk
from spine.precondition import people_can_solve
from tasks.flag_mitigation import FlagMitigation


class Params(ActionParams):
    """Of whom."""

    mode: Literal["risk", "all"] = "risk"
    """risk = the application asks attempts that look risky to it; all = it asks every attempt."""
    flow: Literal["login", "signup"] = Field(default="login", exclude_if=lambda flow: flow == "login")
    """Where it is asked."""


def _risk(params: Params) -> Risk:
    return Risk.LOW if params.mode == "risk" else Risk.MEDIUM


def _stops(params: Params, _targets: tuple[str, ...], logins: pd.DataFrame) -> "pd.Series[bool]":
    """People solve a captcha, programs do not: who logged in before the attack counts as a person. Whoever signs up is
    new; there what fails of throw-away addresses counts as a program's."""
    if params.flow == "signup":
        thrown = [isinstance(said, dict) and said.get("disposable_domain") is True for said in logins["attributes"]]
        return pd.Series(thrown, index=logins.index, dtype=bool) & (logins["fate"] == Fate.FAILED)
    stranger: pd.Series[bool] = ~logins["known_user"].astype(bool)
    return stranger & ~logins["known_address"].astype(bool) if params.mode == "risk" else stranger


def _metadata(params: Params) -> dict[str, Scalar]:
    """By flow: the metadata of a flag are for everybody who reads it."""
    return {"mode" if params.flow == "login" else "signupMode": params.mode}


def _scope(params: Params) -> dict[str, str]:
    return {} if params.flow == "login" else {"flow": params.flow}


SPEC = ActionSpec(
    key="captcha.require",
    title="Require a captcha at login, or at sign-up",
    params=Params,
    risk=_risk,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=5), max=timedelta(minutes=240), default=timedelta(minutes=60)),
    stops=_stops,
    flag_key="auth.captcha.required",
    guards=(captcha_ready, people_can_solve),
    challenges=True,
)
MITIGATION = FlagMitigation(SPEC, _metadata, _scope)
