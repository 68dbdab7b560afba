"""user.lock_temp: let nobody log in as a user for a while."""

from datetime import timedelta

import pandas as pd

from spine.action import ActionSpec, Names, NoParams, Ttl
from spine.identity import LookUp, Operation
from spine.identity_guard import an_admin_remains, not_break_glass, provider_can
from spine.plan import Risk
from tasks.identity.mitigation import IdentityMitigation
from tasks.identity.spared import emergency
from tasks.identity.work import Lock


def _stops(_params: NoParams, targets: tuple[str, ...], attempts: pd.DataFrame) -> "pd.Series[bool]":
    return attempts["user_id"].isin(targets)


SPEC = ActionSpec(
    key="user.lock_temp",
    title="Lock users at the identity provider for a while",
    params=NoParams,
    risk=Risk.HIGH,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=5), max=timedelta(minutes=60), default=timedelta(minutes=15)),
    stops=_stops,
    max_targets=100,
    names=Names(of="userId", noun="users"),
    guards=(provider_can(Operation.LOCK), not_break_glass, an_admin_remains),
    hit_cap=1,
    look_ups=frozenset({LookUp.PROVIDER, LookUp.ADMINS}),
    external=True,
)
MITIGATION = IdentityMitigation(SPEC, Lock(), emergency)
