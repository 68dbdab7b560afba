"""cache.disable_shared: serve what a shared cache holds from the origin."""

from datetime import timedelta

from spine.action import ActionSpec, Names, NoParams, Ttl
from spine.plan import Risk
from spine.precondition import origin_has_headroom
from tasks.flag_mitigation import FlagMitigation

SPEC = ActionSpec(
    key="cache.disable_shared",
    title="Go past the shared cache",
    params=NoParams,
    risk=Risk.MEDIUM,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=15), max=timedelta(minutes=240), default=timedelta(minutes=60)),
    max_targets=10,
    names=Names(of="namespace", noun="namespaces"),
    flag_key="tenant.sharedCache.disabled",
    guards=(origin_has_headroom,),
    containment=True,
)
MITIGATION = FlagMitigation(SPEC)
