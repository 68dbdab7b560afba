"""Okta's Management API.

Okta lists no sessions of others: that they are gone is read from its System Log (`user.session.clear`), and from the
refresh tokens that are left. Source: Okta's Users, User Sessions, User OAuth 2.0 Tokens, Role Assignments and System
Log APIs.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from spine.errors import Refused
from spine.identity import Operation
from spine.settings.identity import IdentityProviderSettings
from tasks.identity.api import Answer, Api, segment
from tasks.identity.moment import moment
from tasks.identity.port import Account, Grant

_API = "/api/v1"
_PAGE = 200
_MOST_ADMINS = 20
"""Each takes two calls, and no guard wants to know of more."""
_CLEARED = "user.session.clear"
_SHUT = frozenset({"SUSPENDED", "DEPROVISIONED"})
_BOUND_TO_GROUPS = frozenset({"USER_ADMIN", "HELP_DESK_ADMIN", "GROUP_MEMBERSHIP_ADMIN"})
_BOUND_TO_APPS = frozenset({"APP_ADMIN"})
_MANAGE = "an administrator who may manage users"
_SUPER = "a super administrator"


class Okta:
    """One org."""

    can = frozenset({Operation.LOCK, Operation.END_SESSIONS, Operation.FORCE_RESET, Operation.ROLES})

    def __init__(self, settings: IdentityProviderSettings, api: Api) -> None:
        self._settings, self._api = settings, api
        assert settings.token is not None
        token = settings.token.get_secret_value()
        api.open = lambda _again: {"Authorization": f"SSWS {token}"}
        self._cleared: dict[datetime, frozenset[str]] = {}

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
        """By id or login; by e-mail where events name users so."""
        if self._settings.users_are == "email":
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            found = self._get(
                "/users", "search a user", params={"search": f'profile.email eq "{quoted}"', "limit": "2"}
            )
            if len(found) > 1:
                raise Refused("identity.ambiguous", f"{self.title} knows several users by this e-mail address")
            # a search lags behind; the user themselves does not
            path = f"/users/{segment(str(found[0]['id']))}" if found else ""
            record = self._get(path, "read a user", absent=True) if found else None
            return None if record is None else _account(name, record)
        record = self._get(f"/users/{segment(name)}", "read a user", absent=True)
        if record is None:
            return None
        login = str((record.get("profile") or {}).get("login", ""))
        # Okta completes short names: "ada" may find ada@example.org, who need not be meant
        return _account(name, record) if name == record["id"] or name.lower() == login.lower() else None

    def same(self, account_id: str, name: str) -> Account | None:
        """By id."""
        record = self._get(f"/users/{segment(account_id)}", "read a user", absent=True)
        return None if record is None else _account(name, record)

    def lock(self, account: Account) -> None:
        """Suspend the user, which Okta does to active ones only."""
        status = str(account.record.get("status"))
        if status != "ACTIVE":
            raise Refused(
                "identity.state", f"Okta suspends only active users, this one is {status}; deactivate by hand"
            )
        self._act(account, "lifecycle/suspend", "suspend a user")

    def unlock(self, account: Account) -> None:
        """Unsuspend the user."""
        self._act(account, "lifecycle/unsuspend", "unsuspend a user")

    def end_sessions(self, account: Account) -> None:
        """End all sessions, and revoke the tokens of OpenID Connect and OAuth."""
        params = {"oauthTokens": "true"}
        path = f"{_user(account)}/sessions"
        self._api.call("DELETE", path, to="clear a user's sessions", needs=_MANAGE, params=params)
        self._cleared.clear()

    def ended(self, account: Account, since: datetime) -> bool:
        """The System Log tells of it, and no refresh token of before is left."""
        if since not in self._cleared:
            self._cleared[since] = frozenset(self._log(since))
        if account.id not in self._cleared[since]:
            return False
        return all((moment(token.get("created")) or since) >= since for token in self._tokens(account))

    def no_reset(self, account: Account) -> str:
        """Passwords of a directory or a federation are not Okta's."""
        kind = str(((account.record.get("credentials") or {}).get("provider") or {}).get("type", ""))
        return "" if kind == "OKTA" else f"the password lives in {kind or 'an unknown place'}, not in Okta"

    def force_reset(self, account: Account) -> None:
        """Reset: the user is mailed a link, and no password opens anything until it is used."""
        path = f"{_user(account)}/lifecycle/reset_password"
        self._api.call("POST", path, to="reset a password", needs=_MANAGE, params={"sendEmail": "true"})

    def mail_reset(self, account: Account) -> None:
        """It was sent with the reset."""

    def was_reset(self, account: Account, since: datetime) -> bool:
        """The user waits for the link's use, or has used it."""
        record = self._api.get(_user(account), to="read a user", absent=True) or {}
        changed = moment(record.get("passwordChanged"))
        return record.get("status") == "RECOVERY" or (changed is not None and changed >= since)

    def roles(self, account: Account, wanted: Collection[str]) -> tuple[Grant, ...]:
        """Administrators' roles, by type, or by label for custom ones."""
        names = {name.lower() for name in wanted}
        listed = self._api.get(f"{_user(account)}/roles", to="list a user's roles", needs=_SUPER, absent=True) or []
        held = [one for one in listed if _role_name(one).lower() in names]
        return tuple(
            Grant(
                name=_role_name(one),
                inherited=one.get("assignmentType") == "GROUP",
                bound=self._bound(account, one),
                record={key: one[key] for key in ("id", "type", "role", "resource-set") if key in one},
            )
            for one in held
        )

    def revoke(self, account: Account, grant: Grant) -> None:
        """Unassign the role."""
        path = f"{_user(account)}/roles/{segment(str(grant.record['id']))}"
        self._api.call("DELETE", path, to="take a role away", needs=_SUPER, absent=True)

    def grant(self, account: Account, grant: Grant) -> None:
        """Assign the role again; the assignment gets another id."""
        body = {key: value for key, value in grant.record.items() if key != "id"}
        self._api.call("POST", f"{_user(account)}/roles", to="give a role back", needs=_SUPER, body=body)

    def admins(self) -> tuple[Account, ...]:
        """Users with one of the administrators' roles, each looked at."""
        found: list[Account] = []
        for user in self._assignees():
            if len(found) >= _MOST_ADMINS:
                break
            record = self._get(f"/users/{segment(str(user['id']))}", "read a user", absent=True)
            account = None if record is None else _account(self._named(record), record)
            if account is not None and self._has_role(account):
                found.append(account)
        return tuple(found)

    def end_all_sessions(self, now: datetime) -> None:
        """Okta has no call for it."""
        raise Refused("identity.cannot", f"{self.title} cannot end everybody's sessions at once")

    def all_ended(self, since: datetime) -> bool:
        """Okta cannot tell."""
        return False

    def _has_role(self, account: Account) -> bool:
        names = {name.lower() for name in self._settings.admin_roles}
        listed = self._api.get(f"{_user(account)}/roles", to="list a user's roles", needs=_SUPER, absent=True) or []
        return any(_role_name(one).lower() in names for one in listed)

    def _named(self, record: dict[str, Any]) -> str:
        profile = record.get("profile") or {}
        known = {"id": record["id"], "username": profile.get("login"), "email": profile.get("email")}
        return str(known[self._settings.users_are] or record["id"])

    def _bound(self, account: Account, role: dict[str, Any]) -> str:
        """A role for some groups or apps comes back for all of them, which is more than was taken."""
        kind, base = role.get("type"), f"{_user(account)}/roles/{segment(str(role['id']))}/targets"
        for kinds, path, what in (
            (_BOUND_TO_GROUPS, "groups", "groups"), (_BOUND_TO_APPS, "catalog/apps", "applications")
        ):  # fmt: skip
            if kind in kinds and self._api.get(
                f"{base}/{path}", to="list what a role is for", needs=_SUPER, absent=True
            ):
                return f"it is limited to some {what} and could not be given back exactly; take it away by hand"
        return ""

    def _assignees(self) -> Iterator[dict[str, Any]]:
        params = {"limit": "100"}
        while True:
            page = self._get("/iam/assignees/users", "list administrators", params=params)
            yield from page.get("value") or []
            after = _after(str((((page.get("_links") or {}).get("next")) or {}).get("href", "")))
            if not after:
                return
            params["after"] = after

    def _log(self, since: datetime) -> Iterator[str]:
        """Users whose sessions were cleared."""
        params = {"since": since.isoformat(), "filter": f'eventType eq "{_CLEARED}"', "limit": "1000"}
        for event in self._pages("/logs", "read the System Log", params):
            if (event.get("outcome") or {}).get("result") == "SUCCESS":
                yield from (str(target.get("id")) for target in event.get("target") or [])

    def _tokens(self, account: Account) -> Iterator[dict[str, Any]]:
        for client in self._pages(f"{_user(account)[len(_API) :]}/clients", "list a user's clients", {}):
            path = f"{_user(account)[len(_API) :]}/clients/{segment(str(client['client_id']))}/tokens"
            yield from self._pages(path, "list a user's refresh tokens", {"limit": str(_PAGE)})

    def _pages(self, path: str, to: str, params: dict[str, str]) -> Iterator[dict[str, Any]]:
        """All pages of a list that links to its next one; only the position is taken from the link."""
        params = dict(params)
        while True:
            answer = self._api.call("GET", _API + path, to=to, needs=_MANAGE, params=params, absent=True)
            page = [] if answer.status == 404 else answer.json()
            yield from page
            after = _after(_next(answer))
            if not after or not page:
                return
            params["after"] = after

    def _get(self, path: str, to: str, *, params: dict[str, str] | None = None, absent: bool = False) -> Any:
        return self._api.get(_API + path, to=to, needs=_MANAGE, params=params, absent=absent)

    def _act(self, account: Account, path: str, to: str) -> None:
        self._api.call("POST", f"{_user(account)}/{path}", to=to, needs=_MANAGE)


def _user(account: Account) -> str:
    return f"{_API}/users/{segment(account.id)}"


def _account(name: str, record: dict[str, Any]) -> Account:
    email = str((record.get("profile") or {}).get("email") or "")
    mark = str(record.get("statusChanged") or "")
    shut = record.get("status") in _SHUT
    return Account(id=str(record["id"]), name=name, locked=shut, email=email, mark=mark, record=record)


def _role_name(role: dict[str, Any]) -> str:
    return str(role.get("label") if role.get("type") == "CUSTOM" else role.get("type"))


def _next(answer: Answer) -> str:
    """The target of `Link: <…>; rel="next"`."""
    for link in answer.headers.get("link", "").split(","):
        target, _, rest = link.strip().partition(">")
        if 'rel="next"' in rest:
            return target.removeprefix("<")
    return ""


def _after(url: str) -> str:
    return next(iter(parse_qs(urlsplit(url).query).get("after", [])), "")
