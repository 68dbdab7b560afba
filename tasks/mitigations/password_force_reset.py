"""password.force_reset: make users' passwords worthless until they set new ones by mail. Irreversible."""

from spine.action import ActionSpec, Names, NoParams
from spine.identity import LookUp, Operation
from spine.identity_guard import mail_healthy, provider_can
from spine.plan import Risk
from tasks.identity.mitigation import IdentityMitigation
from tasks.identity.work import PasswordReset

SPEC = ActionSpec(
    key="password.force_reset",
    title="Make users set a new password, by mail",
    params=NoParams,
    risk=Risk.HIGH,
    reversible=False,
    ttl=None,
    max_targets=500,
    names=Names(of="userId", noun="users"),
    guards=(provider_can(Operation.FORCE_RESET), mail_healthy),
    look_ups=frozenset({LookUp.PROVIDER, LookUp.MAIL}),
    external=True,
)
MITIGATION = IdentityMitigation(SPEC, PasswordReset())
