"""tenant.deny_cross: refuse every access from the tenant to the data of others, granted or not."""

from datetime import timedelta

import pandas as pd

from spine.action import ActionSpec, Names, NoParams, Ttl
from spine.plan import Risk
from tasks.flag_mitigation import FlagMitigation


def _stops(_params: NoParams, targets: tuple[str, ...], attempts: pd.DataFrame) -> "pd.Series[bool]":
    return attempts["resource_tenant_id"].isin(targets)


SPEC = ActionSpec(
    key="tenant.deny_cross",
    title="Refuse access to the data of other tenants",
    params=NoParams,
    risk=Risk.HIGH,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=15), max=timedelta(minutes=240), default=timedelta(minutes=60)),
    stops=_stops,
    max_targets=10,
    names=Names(of="resourceTenant", noun="tenants"),
    flag_key="tenant.crossAccess.disabled",
    hit_cap=1,
    pre_authorised=True,
    containment=True,
)
MITIGATION = FlagMitigation(SPEC)
