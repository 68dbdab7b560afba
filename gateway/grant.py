"""What people may do: the one table from roles to scopes. What they may decide is said by spine/policy.py."""

from collections.abc import Iterable

from gateway.auth import READS, Scope
from spine.person import Role

_LOOK = READS - {Scope.AUDIT_READ, Scope.PEOPLE_READ, Scope.OPS_READ}
_SUPPORT = _LOOK | {Scope.INCIDENTS_WRITE}
_RESPOND = (READS - {Scope.OPS_READ}) | {
    Scope.INCIDENTS_WRITE,
    Scope.APPROVALS_DECIDE,
    Scope.ACTIONS_WRITE,
    Scope.FLAGS_WRITE,
    Scope.SUPPRESSIONS_WRITE,
    Scope.ONCALL_WRITE,
}
SCOPES_OF: dict[Role, frozenset[Scope]] = {
    Role.VIEWER: frozenset(_LOOK),
    Role.SUPPORT: frozenset(_SUPPORT),
    Role.RESPONDER: frozenset(_RESPOND),
    Role.INCIDENT_COMMANDER: frozenset(_RESPOND),
    Role.SECURITY_ADMIN: frozenset(_RESPOND | READS | {Scope.PEOPLE_WRITE, Scope.KEYS_WRITE}),
    Role.BREAK_GLASS: frozenset(_RESPOND),
    Role.ENGINE: frozenset(),
}
"""A scope opens a door; what a person may decide behind it follows from role and risk."""


def scopes_of(roles: Iterable[Role]) -> frozenset[Scope]:
    """Everything these roles open."""
    return frozenset(scope for role in roles for scope in SCOPES_OF[role])
