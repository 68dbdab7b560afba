"""jwt.kid_overlap: accept a key again that was taken away too early."""

from datetime import timedelta

from spine.action import ActionSpec, Names, NoParams, Ttl
from spine.plan import Risk
from spine.precondition import formerly_trusted, not_compromised
from tasks.flag_mitigation import FlagMitigation

SPEC = ActionSpec(
    key="jwt.kid_overlap",
    title="Accept a formerly trusted key for a while",
    params=NoParams,
    risk=Risk.HIGH,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=5), max=timedelta(minutes=1440), default=timedelta(minutes=60)),
    max_targets=1,
    names=Names(of="kid", noun="keys"),
    flag_key="auth.jwt.acceptKid",
    guards=(not_compromised, formerly_trusted),
)
MITIGATION = FlagMitigation(SPEC)
