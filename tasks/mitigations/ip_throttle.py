"""ip.throttle: slow down logins from the networks of an attack."""

from datetime import timedelta

import pandas as pd
from pydantic import Field

from spine.action import ActionParams, ActionSpec, Networks, Ttl
from spine.flag.hold import Scalar
from spine.guard import legitimate_hit, not_allowlisted, not_probe, not_self
from spine.network import contains
from spine.plan import Risk
from spine.throttle import over_limit
from tasks.flag_mitigation import FlagMitigation


class Params(ActionParams):
    """How hard."""

    per_minute: float = Field(default=1, ge=0.1, le=10)
    """Attempts per minute an address of the targets keeps."""


def _stops(params: Params, targets: tuple[str, ...], logins: pd.DataFrame) -> "pd.Series[bool]":
    inside = contains(targets, logins["ip"])
    return over_limit(logins["ip"].where(inside), logins["occurred_at"], per_minute=params.per_minute, burst=1)


def _metadata(params: Params) -> dict[str, Scalar]:
    return {"perMinute": params.per_minute, "burst": 1}


SPEC = ActionSpec(
    key="ip.throttle",
    title="Throttle logins from the attacking networks",
    params=Params,
    risk=Risk.MEDIUM,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=5), max=timedelta(minutes=1440), default=timedelta(minutes=60)),
    stops=_stops,
    max_targets=50,
    networks=Networks(),
    flag_key="auth.ipThrottle.enabled",
    guards=(not_allowlisted, not_self, not_probe, legitimate_hit(0.01)),
)
MITIGATION = FlagMitigation(SPEC, _metadata)
