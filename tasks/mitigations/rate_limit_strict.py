"""rate_limit.strict: throttle logins of the whole tenant, per address or per user."""

from datetime import timedelta
from typing import Any, Literal

import pandas as pd
from pydantic import Field, model_validator

from spine.action import ActionParams, ActionSpec, Ttl
from spine.flag.hold import Scalar
from spine.guard import legitimate_hit
from spine.plan import Risk
from spine.throttle import over_limit
from tasks.flag_mitigation import FlagMitigation


class Params(ActionParams):
    """How hard."""

    scope: Literal["address", "user"] = "address"
    """Whose attempts are counted together."""
    per_minute: int = Field(default=10, ge=1, le=60)
    burst: int = Field(default=10, ge=1)
    """Attempts let through at once; at most twice `per_minute`."""

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
    column = "ip" if params.scope == "address" else "user_id"
    return over_limit(logins[column], logins["occurred_at"], per_minute=params.per_minute, burst=params.burst)


def _metadata(params: Params) -> dict[str, Scalar]:
    return {"scope": params.scope, "perMinute": params.per_minute, "burst": params.burst}


SPEC = ActionSpec(
    key="rate_limit.strict",
    title="Throttle logins strictly",
    params=Params,
    risk=Risk.LOW,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=5), max=timedelta(minutes=240), default=timedelta(minutes=30)),
    stops=_stops,
    flag_key="auth.rateLimit.strict",
    guards=(legitimate_hit(0.01),),
)
MITIGATION = FlagMitigation(SPEC, _metadata)
