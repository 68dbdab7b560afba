"""The application as its own identity provider, by signed requests.

A write is answered with any 2xx; what it did is asked afterwards. docs/identity-providers.md says what is asked, and
what is answered.
"""

import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import Any

from spine.identity import Operation
from spine.settings.identity import IdentityProviderSettings
from tasks.identity.api import Api
from tasks.identity.moment import moment
from tasks.identity.port import Account, Grant
from tasks.identity.signed import Signed

_CALLED = "called by us"


def _called(account: Account) -> str:
    """What the application is asked for the user by: their name, or after another one got it, their id."""
    return str(account.record.get(_CALLED) or account.name)


class WebhookProvider:
    """The URL that takes the requests."""

    can = frozenset(Operation)

    def __init__(self, settings: IdentityProviderSettings, api: Api, *, tenant: str, key: str) -> None:
        assert settings.secret is not None
        self._settings, self._api, self._key = settings, api, key
        self._application = Signed(api, settings.secret.get_secret_value(), tenant)

    @property
    def title(self) -> str:
        """For people."""
        return self._api.title

    def receipts(self) -> list[dict[str, Any]]:
        """Every write so far."""
        return list(self._api.receipts)

    def close(self) -> None:
        """Let the connections go."""
        self._api.close()

    def find(self, name: str) -> Account | None:
        """`{"found", "id", "locked", "email"}`."""
        return self._found(name, name)

    def same(self, account_id: str, name: str) -> Account | None:
        """By name, and by id where the name is another's or nobody's by now."""
        found = self.find(name)
        return found if found is not None and found.id == account_id else self._found(account_id, name)

    def _found(self, called: str, name: str) -> Account | None:
        said = self._ask("user", {"user": called})
        if said.get("found") is not True:
            return None
        return Account(
            id=str(said.get("id") or called), name=name, locked=said.get("locked") is True,
            email=str(said.get("email") or ""), mark=str(said.get("lock_mark") or ""), record={**said, _CALLED: called},
        )  # fmt: skip

    def lock(self, account: Account) -> None:
        """Ask for it."""
        self._tell("lock", account)

    def unlock(self, account: Account) -> None:
        """Ask for it."""
        self._tell("unlock", account)

    def end_sessions(self, account: Account) -> None:
        """Ask for it, refresh tokens included."""
        self._tell("end_sessions", account)

    def ended(self, account: Account, since: datetime) -> bool:
        """`oldest_session_at` is null or later."""
        said = self._ask("user", {"user": _called(account)})
        if "oldest_session_at" not in said:
            return False
        oldest = moment(said["oldest_session_at"])
        return said["oldest_session_at"] is None or (oldest is not None and oldest >= since)

    def no_reset(self, account: Account) -> str:
        """`has_password` is false."""
        return "has no password" if account.record.get("has_password") is False else ""

    def force_reset(self, account: Account) -> None:
        """Ask for it, the mail included."""
        self._tell("force_reset", account)

    def mail_reset(self, account: Account) -> None:
        """It was asked for with the reset."""

    def was_reset(self, account: Account, since: datetime) -> bool:
        """`password_reset_at` is later."""
        at = moment(self._ask("user", {"user": _called(account)}).get("password_reset_at"))
        return at is not None and at >= since

    def roles(self, account: Account, wanted: Collection[str]) -> tuple[Grant, ...]:
        """`roles`, a list of names."""
        held = self._ask("user", {"user": _called(account)}).get("roles") or []
        names = {name.lower() for name in wanted}
        return tuple(Grant(name=str(role)) for role in held if str(role).lower() in names)

    def revoke(self, account: Account, grant: Grant) -> None:
        """Ask for it."""
        self._tell("revoke_role", account, role=grant.name)

    def grant(self, account: Account, grant: Grant) -> None:
        """Ask for it."""
        self._tell("grant_role", account, role=grant.name)

    def admins(self) -> tuple[Account, ...]:
        """`users`, a list of `{"user", "locked"}`."""
        listed = self._ask("admins", {"roles": self._settings.admin_roles}).get("users") or []
        return tuple(
            Account(id=str(one["user"]), name=str(one["user"]), locked=one.get("locked") is True) for one in listed
        )

    def end_all_sessions(self, now: datetime) -> None:
        """Ask for it."""
        self._write("end_all_sessions", {"before": now.isoformat()}, "all")

    def all_ended(self, since: datetime) -> bool:
        """`oldest_session_at` of the tenant is null or later."""
        said = self._ask("tenant", {})
        oldest = moment(said.get("oldest_session_at"))
        return "oldest_session_at" in said and (
            said["oldest_session_at"] is None or (oldest is not None and oldest >= since)
        )

    def _tell(self, operation: str, account: Account, **more: str) -> None:
        subject = hashlib.sha256("\x1f".join([_called(account), *more.values()]).encode()).hexdigest()[:16]
        self._write(operation, {"user": _called(account), **more}, subject)

    def _write(self, operation: str, data: dict[str, Any], subject: str) -> None:
        self._application.tell(f"identity.{operation}", data, f"{self._key}:{operation}:{subject}")

    def _ask(self, question: str, data: dict[str, Any]) -> dict[str, Any]:
        return self._application.ask(f"identity.ask.{question}", data)
