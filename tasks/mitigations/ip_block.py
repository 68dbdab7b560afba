"""ip.block: refuse logins from the networks of an attack."""

from datetime import timedelta

import pandas as pd

from spine.action import ActionSpec, Networks, NoParams, Ttl
from spine.flag.hold import Scalar
from spine.guard import legitimate_hit, not_allowlisted, not_probe, not_self
from spine.network import contains
from spine.plan import Risk
from tasks.flag_mitigation import FlagMitigation


def _stops(_params: NoParams, targets: tuple[str, ...], logins: pd.DataFrame) -> "pd.Series[bool]":
    return contains(targets, logins["ip"])


def _metadata(_params: NoParams) -> dict[str, Scalar]:
    return {}


SPEC = ActionSpec(
    key="ip.block",
    title="Refuse logins from the attacking networks",
    params=NoParams,
    risk=Risk.HIGH,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=5), max=timedelta(minutes=240), default=timedelta(minutes=30)),
    stops=_stops,
    max_targets=20,
    networks=Networks(),
    flag_key="auth.ipDeny.enabled",
    guards=(not_allowlisted, not_self, not_probe, legitimate_hit(0.01)),
)
MITIGATION = FlagMitigation(SPEC, _metadata)
