"""session.revoke_scope: end the sessions of a whole tenant, or of everybody at its provider. Irreversible."""

from typing import Literal

from spine.action import ActionParams, ActionSpec
from spine.identity import LookUp
from spine.identity_guard import login_capacity, scope_reachable
from spine.plan import Risk
from tasks.identity.hold import NOT_BEFORE
from tasks.identity.session import ScopeMitigation


class Params(ActionParams):
    """Whose sessions."""

    scope: Literal["tenant", "all"] = "tenant"
    """all = of everybody at the tenant's identity provider, other tenants' users among them."""


SPEC = ActionSpec(
    key="session.revoke_scope",
    title="End everybody's sessions",
    params=Params,
    risk=Risk.CRITICAL,
    reversible=False,
    ttl=None,
    flag_key=NOT_BEFORE,
    guards=(scope_reachable, login_capacity),
    containment=True,
    look_ups=frozenset({LookUp.PROVIDER}),
    external=True,
)
MITIGATION = ScopeMitigation(SPEC)
