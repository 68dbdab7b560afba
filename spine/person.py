"""People: who somebody is, by which account they were seen, and which roles they hold where."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from spine.ids import NO_TENANT, PersonId, TenantId, derive

EVERY_TENANT = TenantId("*")
"""The tenant of a role that holds everywhere."""


class Role(StrEnum):
    """What somebody is trusted with; the policy matrix turns role and risk into a gate."""

    VIEWER = "viewer"
    SUPPORT = "support"
    ENGINE = "engine"
    """The decision engine itself, when it acts without being asked. Never a person's role."""
    RESPONDER = "responder"
    INCIDENT_COMMANDER = "incident_commander"
    SECURITY_ADMIN = "security_admin"
    BREAK_GLASS = "break_glass"


Provider = Literal["email", "slack", "oidc"]


@dataclass(frozen=True, slots=True)
class PersonRef:
    """A person as an edge sees them: an account, not yet looked up.

    `email` is what somebody typed (Prefect UI, CLI) and proves nothing by itself, or whom a session belongs to;
    `slack` comes from a signed request, `oidc` from a signed token.
    """

    provider: Provider
    account: str
    team: str = ""

    @classmethod
    def by_email(cls, email: str) -> "PersonRef":
        """Somebody who gave an e-mail address."""
        return cls("email", normal_email(email))

    @classmethod
    def by_slack(cls, team: str, user: str) -> "PersonRef":
        """Somebody who clicked in Slack, by team and user id."""
        return cls("slack", user, team)

    @classmethod
    def by_oidc(cls, issuer: str, subject: str) -> "PersonRef":
        """Somebody an identity provider vouched for, by its own id of them."""
        return cls("oidc", subject, issuer)

    def __str__(self) -> str:
        return f"{self.provider}:{self.team + '/' if self.team else ''}{self.account}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One human being, however many accounts they use."""

    id: PersonId
    email: str
    name: str
    roles: dict[TenantId, frozenset[Role]] = field(default_factory=dict)
    """Roles per tenant; `EVERY_TENANT` holds everywhere."""
    enrolled: bool = False
    """True when a second factor is set up."""
    created_at: datetime
    disabled_at: datetime | None = None
    drill: bool = False
    """True for who stands in for people in a drill that decides by itself; nobody real."""

    def roles_in(self, tenant: TenantId) -> frozenset[Role]:
        """The roles that count in `tenant`; none once disabled."""
        if self.disabled_at is not None:
            return frozenset()
        return self.roles.get(tenant, frozenset()) | self.roles.get(EVERY_TENANT, frozenset())


def normal_email(email: str) -> str:
    """The one spelling under which an address is stored and compared."""
    return email.strip().lower()


def person_id(email: str) -> PersonId:
    """The stable id of the person with this address; people belong to no single tenant."""
    return PersonId(derive("person", NO_TENANT, normal_email(email)))
