"""session.revoke_user: end all sessions and refresh tokens of users, and refuse their access tokens. Irreversible."""

from spine.action import ActionSpec, Names, NoParams
from spine.identity import LookUp, Operation
from spine.identity_guard import operator_excluded, provider_can
from spine.plan import Risk
from tasks.identity.hold import NOT_BEFORE
from tasks.identity.session import SessionMitigation
from tasks.identity.spared import operators
from tasks.identity.work import SessionEnd

SPEC = ActionSpec(
    key="session.revoke_user",
    title="End users' sessions at the identity provider, refresh tokens included",
    params=NoParams,
    risk=Risk.MEDIUM,
    many=(10, Risk.HIGH),
    reversible=False,
    ttl=None,
    max_targets=100,
    names=Names(of="userId", noun="users"),
    flag_key=NOT_BEFORE,
    guards=(provider_can(Operation.END_SESSIONS), operator_excluded),
    look_ups=frozenset({LookUp.PROVIDER}),
    external=True,
)
MITIGATION = SessionMitigation(SPEC, SessionEnd(), operators)
