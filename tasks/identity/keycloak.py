"""Keycloak's Admin REST API.

`logout` ends the sessions and sets the user's not-before, which makes refresh and offline tokens worthless; access
tokens live on to their end. Source: Keycloak's Admin REST API; UserResource and TokenManager of its sources.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from spine.errors import Refused
from spine.identity import Operation
from spine.settings.identity import IdentityProviderSettings
from tasks.identity.api import Api, segment
from tasks.identity.port import Account, Grant
from tasks.identity.token import ClientToken

_PAGE = 100
_MOST_ADMINS = 200
_DEEPEST = 5
_MANAGE = "the role manage-users of realm-management"
_VIEW = "the roles view-users and query-groups of realm-management"
_CLIENTS = "the role view-clients of realm-management"
_REALM = "the role manage-realm of realm-management"
_PASSWORD = "password"  # noqa: S105 - a type of credential


class Keycloak:
    """One realm."""

    can = frozenset(Operation)

    def __init__(self, settings: IdentityProviderSettings, api: Api) -> None:
        self._settings, self._api = settings, api
        self._realm = f"/admin/realms/{segment(settings.realm)}"
        assert settings.client_secret is not None
        form = {"client_id": settings.client_id, "client_secret": settings.client_secret.get_secret_value()}
        api.open = ClientToken(api, f"/realms/{segment(settings.realm)}/protocol/openid-connect/token", form)

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
        """By id, or by exact username or e-mail."""
        if self._settings.users_are == "id":
            record = self._get(f"/users/{segment(name)}", "read a user", absent=True)
            return None if record is None else _account(name, record)
        params = {self._settings.users_are: name, "exact": "true", "max": "2"}
        found = self._get("/users", "search a user", params=params)
        if len(found) > 1:
            raise Refused("identity.ambiguous", f"{self.title} knows several users by this {self._settings.users_are}")
        return _account(name, found[0]) if found else None

    def same(self, account_id: str, name: str) -> Account | None:
        """By id."""
        record = self._get(f"/users/{segment(account_id)}", "read a user", absent=True)
        return None if record is None else _account(name, record)

    def lock(self, account: Account) -> None:
        """Disable the user; nothing else of the record is written."""
        self._put(account, {"enabled": False}, "disable a user")

    def unlock(self, account: Account) -> None:
        """Enable the user."""
        self._put(account, {"enabled": True}, "enable a user")

    def end_sessions(self, account: Account) -> None:
        """End the sessions and set the user's not-before."""
        self._do("POST", f"{_user(account)}/logout", "end a user's sessions", _MANAGE)

    def ended(self, account: Account, since: datetime) -> bool:
        """Not-before is set, and no session began earlier."""
        moment = int(since.timestamp())
        record = self._get(_user(account), "read a user", absent=True) or {}
        if int(record.get("notBefore") or 0) < moment:
            return False
        sessions = self._get(f"{_user(account)}/sessions", "list a user's sessions")
        return all(int(session.get("start") or 0) // 1000 >= moment for session in sessions)

    def no_reset(self, account: Account) -> str:
        """Passwords of a user federation (LDAP) are not Keycloak's; who has none signs in otherwise."""
        if account.record.get("federationLink"):
            return "the password lives in a user federation; reset it there"
        return "" if self._passwords(account) else "has no password here"

    def force_reset(self, account: Account) -> None:
        """Remove the password."""
        for credential in self._passwords(account):
            path = f"{_user(account)}/credentials/{segment(str(credential['id']))}"
            self._do("DELETE", path, "remove a password", _MANAGE, absent=True)

    def mail_reset(self, account: Account) -> None:
        """Mail a link to set a new one."""
        self._api.call(
            "PUT", f"{self._realm}{_user(account)}/execute-actions-email", to="mail a user", needs=_MANAGE,
            body=["UPDATE_PASSWORD"],
        )  # fmt: skip

    def was_reset(self, account: Account, since: datetime) -> bool:
        """Every password there is was made later."""
        earliest = since.timestamp() * 1000
        return all(float(one.get("createdDate") or 0) >= earliest for one in self._passwords(account))

    def roles(self, account: Account, wanted: Collection[str]) -> tuple[Grant, ...]:
        """Directly mapped roles, and those that only take effect through a group or a composite."""
        found = []
        for name in sorted(set(wanted)):
            base, role = self._mapping(account, name)
            direct = [one for one in self._get(base, "list a user's roles") if one.get("name") == role]
            effective = direct or [
                one for one in self._get(f"{base}/composite", "list a user's roles") if one.get("name") == role
            ]
            record = {"base": base, "role": {"id": effective[0]["id"], "name": role}} if effective else {}
            found += [Grant(name=name, inherited=not direct, record=record)] if effective else []
        return tuple(found)

    def revoke(self, account: Account, grant: Grant) -> None:
        """Remove the mapping."""
        self._map("DELETE", grant, "take a role away")

    def grant(self, account: Account, grant: Grant) -> None:
        """Add the mapping."""
        self._map("POST", grant, "give a role back")

    def admins(self) -> tuple[Account, ...]:
        """Users with an administrators' role, directly or by a group or its parents."""
        found: dict[str, Account] = {}
        for name in self._settings.admin_roles:
            for record in self._holders(self._role(name)):
                if len(found) >= _MOST_ADMINS:
                    break
                key = self._settings.users_are
                found[str(record["id"])] = _account(str(record.get(key) or record["id"]), record)
        return tuple(found.values())

    def end_all_sessions(self, now: datetime) -> None:
        """Set the realm's not-before, end all sessions, and push both to clients that can be told."""
        body = {"notBefore": int(now.timestamp())}
        self._api.call("PUT", self._realm, to="set the realm's not-before", needs=_REALM, body=body)
        self._do("POST", "/logout-all", "end all sessions", _MANAGE)
        self._do("POST", "/push-revocation", "push the not-before", _REALM)

    def all_ended(self, since: datetime) -> bool:
        """The realm's not-before is set: sessions and tokens from before are refused."""
        realm = self._get("", "read the realm")
        return int(realm.get("notBefore") or 0) >= int(since.timestamp())

    def _get(self, path: str, to: str, *, params: dict[str, str] | None = None, absent: bool = False) -> Any:
        needs = _CLIENTS if path.startswith("/clients") else _VIEW
        return self._api.get(self._realm + path, to=to, needs=needs, params=params, absent=absent)

    def _do(self, method: str, path: str, to: str, needs: str, *, absent: bool = False) -> None:
        self._api.call(method, self._realm + path, to=to, needs=needs, absent=absent)

    def _put(self, account: Account, body: dict[str, Any], to: str) -> None:
        self._api.call("PUT", self._realm + _user(account), to=to, needs=_MANAGE, body=body)

    def _passwords(self, account: Account) -> list[dict[str, Any]]:
        listed = self._get(f"{_user(account)}/credentials", "list a user's credentials")
        return [one for one in listed if one.get("type") == _PASSWORD]

    def _map(self, method: str, grant: Grant, to: str) -> None:
        path = self._realm + grant.record["base"]
        self._api.call(method, path, to=to, needs=_MANAGE, body=[grant.record["role"]])

    def _mapping(self, account: Account, name: str) -> tuple[str, str]:
        """Where the role is mapped, and its name there."""
        client, _, role = name.rpartition("/")
        if not client:
            return f"{_user(account)}/role-mappings/realm", role
        return f"{_user(account)}/role-mappings/clients/{segment(self._client(client))}", role

    def _role(self, name: str) -> str:
        client, _, role = name.rpartition("/")
        return (
            f"/clients/{segment(self._client(client))}/roles/{segment(role)}" if client else f"/roles/{segment(role)}"
        )

    def _client(self, client_id: str) -> str:
        found = self._get("/clients", "find a client", params={"clientId": client_id})
        if not found:
            raise Refused("identity.role", f"{self.title} has no client {client_id!r}; correct the role's name")
        return str(found[0]["id"])

    def _holders(self, role: str) -> Iterator[dict[str, Any]]:
        yield from self._pages(f"{role}/users", "list who has a role")
        for group in self._pages(f"{role}/groups", "list groups that have a role"):
            yield from self._members(str(group["id"]), _DEEPEST)

    def _members(self, group: str, deep: int) -> Iterator[dict[str, Any]]:
        yield from self._pages(f"/groups/{segment(group)}/members", "list members of a group")
        if deep:
            for child in self._pages(f"/groups/{segment(group)}/children", "list groups within a group"):
                yield from self._members(str(child["id"]), deep - 1)

    def _pages(self, path: str, to: str) -> Iterator[dict[str, Any]]:
        first = 0
        while True:
            page = self._get(path, to, params={"first": str(first), "max": str(_PAGE)}, absent=True) or []
            yield from page
            if len(page) < _PAGE:
                return
            first += _PAGE


def _user(account: Account) -> str:
    return f"/users/{segment(account.id)}"


def _account(name: str, record: dict[str, Any]) -> Account:
    return Account(
        id=str(record["id"]), name=name, locked=record.get("enabled") is False, email=str(record.get("email") or ""),
        record=record,
    )  # fmt: skip
