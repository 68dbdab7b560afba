"""The port: what any identity provider can be asked to do, and to tell.

Nothing here is believed because it was accepted: whoever acts reads back with `find`, `ended`, `was_reset` or `roles`.
Every method raises Slowed (asked for patience), Transient (the answer was lost), Broken (it does not let us in) or
Refused (it says no, for this user alone). Every write may be repeated.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from spine.identity import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user as the provider knows them now."""

    id: str
    """The provider's own."""
    name: str
    """As the application's events name them."""
    locked: bool
    email: str = ""
    mark: str = ""
    """Another one after every change of the lock, whoever made it; "" = the provider tells no such thing."""
    record: dict[str, Any] = field(default_factory=dict, repr=False)
    """What the provider said."""

    @property
    def names(self) -> frozenset[str]:
        """Everything they are called, in lower case."""
        return frozenset(name.lower() for name in (self.id, self.name, self.email) if name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role somebody holds."""

    name: str
    """As people write it: "admin", "realm-management/manage-users", "SUPER_ADMIN"."""
    inherited: bool = False
    """It comes through a group or another role, and cannot be taken from the user alone."""
    bound: str = ""
    """Why it could not be given back exactly; "" = it can."""
    record: dict[str, Any] = field(default_factory=dict)
    """What it takes to give it back."""


class IdentityProvider(Protocol):
    """One provider, for one round of calls."""

    @property
    def title(self) -> str:
        """What it is and where, for people."""
        ...

    @property
    def can(self) -> frozenset[Operation]:
        """What it is able to do."""
        ...

    def receipts(self) -> list[dict[str, Any]]:
        """Every write so far: what, the hash of the request, the status and the provider's id of it."""
        ...

    def find(self, name: str) -> Account | None:
        """The user whom events call `name`; None = there is none."""
        ...

    def same(self, account_id: str, name: str) -> Account | None:
        """The user who was found as `name` and has this id, whatever they are called by now; None = they are gone."""
        ...

    def lock(self, account: Account) -> None:
        """Let nobody log in as this user."""
        ...

    def unlock(self, account: Account) -> None:
        """Take `lock` back."""
        ...

    def end_sessions(self, account: Account) -> None:
        """End all sessions and refresh tokens of the user. Access tokens live on to their end."""
        ...

    def ended(self, account: Account, since: datetime) -> bool:
        """True when no session or refresh token from before `since` is left."""
        ...

    def no_reset(self, account: Account) -> str:
        """Why the user's password cannot be reset here; "" = it can."""
        ...

    def force_reset(self, account: Account) -> None:
        """Make the password worthless."""
        ...

    def mail_reset(self, account: Account) -> None:
        """Have the provider mail a link to set a new one, where `force_reset` has not done so already.

        Raises:
            Refused: nothing can be sent to this user.
        """
        ...

    def was_reset(self, account: Account, since: datetime) -> bool:
        """True when the password of before `since` opens nothing any more."""
        ...

    def roles(self, account: Account, wanted: Collection[str]) -> tuple[Grant, ...]:
        """Which of the roles `wanted` the user holds."""
        ...

    def revoke(self, account: Account, grant: Grant) -> None:
        """Take a role away."""
        ...

    def grant(self, account: Account, grant: Grant) -> None:
        """Give a role back as it was."""
        ...

    def admins(self) -> tuple[Account, ...]:
        """Users with one of the configured administrators' roles; of very many only some."""
        ...

    def end_all_sessions(self, now: datetime) -> None:
        """End all sessions of everybody."""
        ...

    def all_ended(self, since: datetime) -> bool:
        """True when everybody's sessions from before `since` are worthless."""
        ...

    def close(self) -> None:
        """Let the connections go."""
        ...
