"""rate_limit.strict: throttle logins, or requests for password resets, of the whole tenant, per address or user."""

from datetime import timedelta
from typing import Any, Literal

import pandas as pd
from pydantic import Field, model_validator

from spine.action import ActionParams, ActionSpec, Ttl
from spine.event_type import EventType
from spine.flag.hold import Scalar
from spine.plan import Risk
from spine.precondition import few_people_limited
from spine.throttle import over_limit
from tasks.flag_mitigation import FlagMitigation

_LOST_MAIL = EventType.PASSWORD_RESET_UNDELIVERED.value


class Params(ActionParams):
    """How hard."""

    scope: Literal["address", "user"] = "address"
    """Whose attempts are counted together."""
    per_minute: int = Field(default=10, ge=1, le=60)
    burst: int = Field(default=10, ge=1)
    """Attempts let through at once; at most twice `per_minute`."""
    flow: Literal["login", "reset"] = Field(default="login", exclude_if=lambda flow: flow == "login")
    """What is throttled."""

    @model_validator(mode="before")
    @classmethod
    def _default_burst(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and "per_minute" in raw and "burst" not in raw:
            return {**raw, "burst": raw["per_minute"]}
        return raw

    @model_validator(mode="after")
    def _burst_in_proportion(self) -> "Params":
        if self.burst > 2 * self.per_minute:
            raise ValueError(f"burst {self.burst} is more than twice per_minute {self.per_minute}")
        return self


def _stops(params: Params, _targets: tuple[str, ...], logins: pd.DataFrame) -> "pd.Series[bool]":
    """An attempt at a login stands for itself, a mail that was lost for the request it became of; whom a limit of
    resets would hit is read off the requests themselves (`few_people_limited`)."""
    column = "ip" if params.scope == "address" else "user_id"
    if params.flow == "reset":
        keys = logins[column].where(logins["type"] == _LOST_MAIL)
        return over_limit(keys, logins["occurred_at"], per_minute=params.per_minute, burst=params.burst)
    return over_limit(logins[column], logins["occurred_at"], per_minute=params.per_minute, burst=params.burst)


def _metadata(params: Params) -> dict[str, Scalar]:
    """By flow: the metadata of a flag are for everybody who reads it."""
    if params.flow == "reset":
        return {"resetScope": params.scope, "resetPerMinute": params.per_minute, "resetBurst": params.burst}
    return {"scope": params.scope, "perMinute": params.per_minute, "burst": params.burst}


def _scope(params: Params) -> dict[str, str]:
    return {} if params.flow == "login" else {"flow": params.flow}


SPEC = ActionSpec(
    key="rate_limit.strict",
    title="Throttle logins, or password resets, strictly",
    params=Params,
    risk=Risk.LOW,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=5), max=timedelta(minutes=240), default=timedelta(minutes=30)),
    stops=_stops,
    flag_key="auth.rateLimit.strict",
    guards=(few_people_limited,),
)
MITIGATION = FlagMitigation(SPEC, _metadata, _scope)
