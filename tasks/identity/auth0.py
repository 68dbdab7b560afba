"""Auth0's Management API v2.

Ending sessions is accepted (202) and done later: only reading back tells. Access tokens live on to their end.
Source: Auth0's Management API v2 and Authentication API.
"""

import secrets
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from spine.errors import Refused
from spine.identity import Operation
from spine.settings.identity import IdentityProviderSettings
from tasks.identity.api import Api, segment
from tasks.identity.moment import moment
from tasks.identity.port import Account, Grant
from tasks.identity.token import ClientToken

_API = "/api/v2"
_PAGE = 100
_MOST_ADMINS = 20
"""Each takes a call, and no guard wants to know of more."""
_SESSIONS = "delete:sessions and delete:refresh_tokens (and a plan with session management)"


class Auth0:
    """One Auth0 tenant."""

    can = frozenset({Operation.LOCK, Operation.END_SESSIONS, Operation.FORCE_RESET, Operation.ROLES})

    def __init__(self, settings: IdentityProviderSettings, api: Api) -> None:
        self._settings, self._api = settings, api
        assert settings.client_secret is not None
        form = {
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.get_secret_value(),
            "audience": f"{settings.url}{_API}/",
        }
        api.open = ClientToken(api, "/oauth/token", form)

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
        """By `user_id`, by e-mail or by username."""
        if self._settings.users_are == "id":
            record = self._get(f"/users/{segment(name)}", "read a user", "read:users", absent=True)
            return None if record is None else _account(name, record)
        if self._settings.users_are == "email":
            found = self._get("/users-by-email", "search a user", "read:users", {"email": name.lower()})
        else:
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            params = {"q": f'username:"{quoted}"', "search_engine": "v3", "per_page": "2"}
            found = self._get("/users", "search a user", "read:users", params)
        if len(found) > 1:
            raise Refused("identity.ambiguous", f"{self.title} knows several users by this {self._settings.users_are}")
        # a search lags behind; the user themselves does not
        path = f"/users/{segment(str(found[0]['user_id']))}" if found else ""
        record = self._get(path, "read a user", "read:users", absent=True) if found else None
        return None if record is None else _account(name, record)

    def same(self, account_id: str, name: str) -> Account | None:
        """By `user_id`."""
        record = self._get(f"/users/{segment(account_id)}", "read a user", "read:users", absent=True)
        return None if record is None else _account(name, record)

    def lock(self, account: Account) -> None:
        """Block the user."""
        self._patch(account, {"blocked": True}, "block a user")

    def unlock(self, account: Account) -> None:
        """Unblock the user."""
        self._patch(account, {"blocked": False}, "unblock a user")

    def end_sessions(self, account: Account) -> None:
        """Have sessions and refresh tokens deleted."""
        for kind in ("sessions", "refresh-tokens"):
            self._api.call("DELETE", f"{_user(account)}/{kind}", to=f"delete a user's {kind}", needs=_SESSIONS)

    def ended(self, account: Account, since: datetime) -> bool:
        """Nothing of before is listed any more."""
        sessions = self._listed(f"{_user(account)}/sessions", "sessions", "list a user's sessions", "read:sessions")
        tokens = self._listed(
            f"{_user(account)}/refresh-tokens", "tokens", "list a user's refresh tokens", "read:refresh_tokens"
        )
        return all((moment(one.get("created_at")) or since) >= since for kind in (sessions, tokens) for one in kind)

    def no_reset(self, account: Account) -> str:
        """Only the configured database connection has passwords of Auth0's own."""
        known = account.record.get("identities") or []
        if any(one.get("connection") == self._settings.connection for one in known):
            return ""
        others = sorted({str(one.get("connection")) for one in known})
        return f"has no password in {self._settings.connection}: signs in by {', '.join(others) or 'nothing known'}"

    def force_reset(self, account: Account) -> None:
        """Set a password nobody knows."""
        unknown = f"{secrets.token_urlsafe(40)}aA1!"
        body = {"password": unknown, "connection": self._settings.connection}
        self._patch(account, body, "replace a user's password", hidden=True)

    def mail_reset(self, account: Account) -> None:
        """Ask for the mail by which the user sets their own."""
        if not account.email:
            raise Refused("identity.mail", "the account has no e-mail address")
        mail = {"client_id": self._settings.client_id, "email": account.email, "connection": self._settings.connection}
        self._api.call("POST", "/dbconnections/change_password", to="mail a user", body=mail, anonymous=True)

    def was_reset(self, account: Account, since: datetime) -> bool:
        """The password was changed later."""
        record = self._api.get(_user(account), to="read a user", needs="read:users", absent=True) or {}
        last = moment(record.get("last_password_reset"))
        return last is not None and last >= since

    def roles(self, account: Account, wanted: Collection[str]) -> tuple[Grant, ...]:
        """Roles of the user; those within organizations are others."""
        names, found, page = {name.lower() for name in wanted}, [], 0
        while True:
            params = {"page": str(page), "per_page": str(_PAGE)}
            listed = self._api.get(
                f"{_user(account)}/roles", to="list a user's roles", needs="read:users and read:roles", params=params
            )
            found += [one for one in listed if str(one["name"]).lower() in names]
            if len(listed) < _PAGE:
                return tuple(Grant(name=str(one["name"]), record={"id": str(one["id"])}) for one in found)
            page += 1

    def revoke(self, account: Account, grant: Grant) -> None:
        """Remove the role."""
        self._roles("DELETE", account, grant, "take a role away", "update:users and delete:role_members")

    def grant(self, account: Account, grant: Grant) -> None:
        """Assign the role."""
        self._roles("POST", account, grant, "give a role back", "update:users and create:role_members")

    def admins(self) -> tuple[Account, ...]:
        """Users of the administrators' roles, each looked at."""
        found: dict[str, Account] = {}
        for name in self._settings.admin_roles:
            for role in self._get("/roles", "find a role", "read:roles", {"name_filter": name, "per_page": str(_PAGE)}):
                if str(role["name"]).lower() != name.lower():
                    continue
                path = f"{_API}/roles/{segment(str(role['id']))}/users"
                for user in self._listed(path, "users", "list who has a role", "read:role_members"):
                    if len(found) >= _MOST_ADMINS:
                        break
                    record = self._get(
                        f"/users/{segment(str(user['user_id']))}", "read a user", "read:users", absent=True
                    )
                    if record is not None:
                        found[str(user["user_id"])] = _account(self._named(record), record)
        return tuple(found.values())

    def end_all_sessions(self, now: datetime) -> None:
        """Auth0 has no call for it."""
        raise Refused("identity.cannot", f"{self.title} cannot end everybody's sessions at once")

    def all_ended(self, since: datetime) -> bool:
        """Auth0 cannot tell."""
        return False

    def _named(self, record: dict[str, Any]) -> str:
        key = {"id": "user_id", "username": "username", "email": "email"}[self._settings.users_are]
        return str(record.get(key) or record["user_id"])

    def _get(
        self, path: str, to: str, needs: str, params: dict[str, str] | None = None, *, absent: bool = False
    ) -> Any:
        return self._api.get(_API + path, to=to, needs=needs, params=params, absent=absent)

    def _patch(self, account: Account, body: dict[str, Any], to: str, *, hidden: bool = False) -> None:
        self._api.call("PATCH", _user(account), to=to, needs="update:users", body=body, hidden=hidden)

    def _roles(self, method: str, account: Account, grant: Grant, to: str, needs: str) -> None:
        body = {"roles": [grant.record["id"]]}
        self._api.call(method, f"{_user(account)}/roles", to=to, needs=needs, body=body)

    def _listed(self, path: str, key: str, to: str, needs: str) -> Iterator[dict[str, Any]]:
        """All pages of a list with checkpoints."""
        params = {"take": str(_PAGE)}
        while True:
            page = self._api.get(path, to=to, needs=needs, params=params, absent=True) or {}
            yield from page.get(key) or []
            if not page.get("next"):
                return
            params["from"] = str(page["next"])


def _user(account: Account) -> str:
    return f"{_API}/users/{segment(account.id)}"


def _account(name: str, record: dict[str, Any]) -> Account:
    return Account(
        id=str(record["user_id"]), name=name, locked=record.get("blocked") is True,
        email=str(record.get("email") or ""), record=record,
    )  # fmt: skip
