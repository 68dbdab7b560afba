"""admin.role_revoke: take administrators' roles from a user; they come back when the lease is ended by people."""

from datetime import timedelta

from pydantic import Field

from spine.action import ActionParams, ActionSpec, Names, Ttl
from spine.identity import LookUp, Operation
from spine.identity_guard import not_break_glass, provider_can, two_admins_remain
from spine.lease import Lease
from spine.plan import Risk
from tasks.identity.mitigation import IdentityMitigation
from tasks.identity.spared import emergency
from tasks.identity.work import RoleRevocation
from tasks.mitigation import World


class Params(ActionParams):
    """Which roles."""

    roles: tuple[str, ...] = Field(default=(), max_length=20)
    """By name, as the provider's `admin_roles` are; () = all of those."""


def _roles(world: World, lease: Lease) -> tuple[str, ...]:
    said = world.settings.identity
    known = said.providers.get(said.name_for(lease.tenant_id))
    return SPEC.parse(lease.params).roles or tuple(known.admin_roles if known else ())


SPEC = ActionSpec(
    key="admin.role_revoke",
    title="Take an administrator's roles away",
    params=Params,
    risk=Risk.CRITICAL,
    reversible=True,
    ttl=Ttl(min=timedelta(minutes=15), max=timedelta(minutes=1440), default=timedelta(minutes=240)),
    max_targets=1,
    names=Names(of="userId", noun="users"),
    guards=(provider_can(Operation.ROLES), not_break_glass, two_admins_remain),
    containment=True,
    look_ups=frozenset({LookUp.PROVIDER, LookUp.ADMINS}),
    external=True,
)
MITIGATION = IdentityMitigation(SPEC, RoleRevocation(), emergency, _roles)
