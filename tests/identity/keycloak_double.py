"""A Keycloak realm, as far as its Admin REST API is used here."""

import json
from datetime import timedelta
from typing import Any

from identity_double import Double, Problem

SECRET = "kc-client-secret-5f1c"
REALM = "/admin/realms/shop"


class KeycloakDouble(Double):
    """Users by id; the id of "ada" is "id-ada"."""

    kind = "keycloak"

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self.realm: dict[str, Any] = {"realm": "shop", "notBefore": 0}
        self.tokens: dict[str, int] = {}
        self.mails: list[str] = []
        self.pushed = 0

    def settings(self) -> dict[str, Any]:
        return {
            "kind": "keycloak", "url": self.url, "realm": "shop", "client_id": "opsspine", "client_secret": SECRET,
            "admin_roles": ["admin"], "users_are": "username",
        }  # fmt: skip

    def add(self, name: str, *roles: str, **record: Any) -> None:
        started = int((self.now() - timedelta(hours=1)).timestamp() * 1000)
        self.users[f"id-{name}"] = {
            "id": f"id-{name}", "username": name, "email": f"{name}@example.org", "enabled": True, "notBefore": 0,
            "sessions": [{"id": f"s-{name}", "start": started}], "roles": set(roles),
            "credentials": [
                {"id": f"p-{name}", "type": "password", "createdDate": started}, {"id": "o", "type": "otp"}
            ],
            **record,
        }  # fmt: skip

    def user(self, name: str) -> dict[str, Any]:
        return self.users[f"id-{name}"]

    def locked(self, name: str) -> bool:
        return not self.user(name)["enabled"]

    def lock_by_hand(self, name: str) -> None:
        self.user(name)["enabled"] = False

    def sessions(self, name: str) -> int:
        return len(self.user(name)["sessions"])

    def log_in(self, name: str) -> None:
        self.user(name)["sessions"].append({"id": "new", "start": int(self.now().timestamp() * 1000) + 1000})

    def roles_of(self, name: str) -> set[str]:
        return self.user(name)["roles"]

    def password_works(self, name: str) -> bool:
        return any(one["type"] == "password" for one in self.user(name)["credentials"])

    def authorize(self, method: str, path: str) -> None:
        if path.endswith("/token"):
            return
        issued = self.tokens.get(self.headers.get("authorization", "").removeprefix("Bearer "))
        if issued is None or issued < self.realm["notBefore"]:
            raise Problem(401, {"error": "HTTP 401 Unauthorized"})

    def token(self, body: str) -> Any:
        if f"client_secret={SECRET}" not in body or "grant_type=client_credentials" not in body:
            raise Problem(401, {"error": "unauthorized_client"})
        token = f"kc-token-{len(self.tokens)}"
        # the second that a not-before names is good
        self.tokens[token] = int(self.now().timestamp()) - (1 if not self.tokens else 0)
        return {"access_token": token, "expires_in": 60, "token_type": "Bearer"}

    def one(self, id: str) -> dict[str, Any]:
        if id not in self.users:
            raise Problem(404, {"error": "User not found"})
        return self.users[id]

    def shown(self, user: dict[str, Any]) -> dict[str, Any]:
        hidden = ("sessions", "roles", "credentials", "groups")
        return {key: value for key, value in user.items() if key not in hidden}

    def get_user(self, _: str, id: str) -> Any:
        return self.shown(self.one(id))

    def search(self, _: str) -> Any:
        key = "username" if "username" in self.query else "email"
        assert self.query["exact"] == "true"
        return [self.shown(u) for u in self.users.values() if u[key] == self.query[key]][: int(self.query["max"])]

    def put_user(self, body: str, id: str) -> Any:
        self.one(id).update(json.loads(body))
        return 204, None

    def logout(self, _: str, id: str) -> Any:
        user = self.one(id)
        user["notBefore"], user["sessions"] = int(self.now().timestamp()), []
        return 204, None

    def get_sessions(self, _: str, id: str) -> Any:
        return self.one(id)["sessions"]

    def get_credentials(self, _: str, id: str) -> Any:
        return self.one(id)["credentials"]

    def drop_credential(self, _: str, id: str, credential: str) -> Any:
        user = self.one(id)
        user["credentials"] = [one for one in user["credentials"] if one["id"] != credential]
        return 204, None

    def mail(self, body: str, id: str) -> Any:
        assert json.loads(body) == ["UPDATE_PASSWORD"]
        if not self.one(id)["email"]:
            raise Problem(400, {"errorMessage": "User email missing"})
        self.mails.append(id)
        return 204, None

    def mapped(self, _: str, id: str) -> Any:
        return [{"id": f"r-{role}", "name": role} for role in sorted(self.one(id)["roles"])]

    def effective(self, _: str, id: str) -> Any:
        own = self.one(id)["roles"]
        through = {role for group in self.groups.values() if id in group["members"] for role in group["roles"]}
        return [{"id": f"r-{role}", "name": role} for role in sorted(own | through)]

    def unmap(self, body: str, id: str) -> Any:
        self.one(id)["roles"] -= {role["name"] for role in json.loads(body)}
        return 204, None

    def remap(self, body: str, id: str) -> Any:
        self.one(id)["roles"] |= {role["name"] for role in json.loads(body)}
        return 204, None

    def page(self, rows: list[Any]) -> list[Any]:
        first, most = int(self.query["first"]), int(self.query["max"])
        return rows[first : first + most]

    def role_users(self, _: str, role: str) -> Any:
        return self.page([self.shown(u) for u in self.users.values() if role in u["roles"]])

    def role_groups(self, _: str, role: str) -> Any:
        return self.page([{"id": id} for id, group in self.groups.items() if role in group["roles"]])

    def members(self, _: str, id: str) -> Any:
        return self.page([self.shown(self.users[user]) for user in self.groups[id]["members"]])

    def children(self, _: str, id: str) -> Any:
        return self.page([{"id": child} for child in self.groups[id].get("children", [])])

    def put_realm(self, body: str) -> Any:
        self.realm.update(json.loads(body))
        return 204, None

    def logout_all(self, _: str) -> Any:
        for user in self.users.values():
            user["sessions"] = []
        return {"successRequests": [], "failedRequests": []}

    def push(self, _: str) -> Any:
        self.pushed += 1
        return {}

    routes = (
        ("POST", "/realms/shop/protocol/openid-connect/token", token),
        ("GET", REALM, lambda self, _: self.realm),
        ("PUT", REALM, put_realm),
        ("POST", f"{REALM}/logout-all", logout_all),
        ("POST", f"{REALM}/push-revocation", push),
        ("GET", f"{REALM}/users", search),
        ("GET", f"{REALM}/users/{{id}}", get_user),
        ("PUT", f"{REALM}/users/{{id}}", put_user),
        ("POST", f"{REALM}/users/{{id}}/logout", logout),
        ("GET", f"{REALM}/users/{{id}}/sessions", get_sessions),
        ("GET", f"{REALM}/users/{{id}}/credentials", get_credentials),
        ("DELETE", f"{REALM}/users/{{id}}/credentials/{{credential}}", drop_credential),
        ("PUT", f"{REALM}/users/{{id}}/execute-actions-email", mail),
        ("GET", f"{REALM}/users/{{id}}/role-mappings/realm", mapped),
        ("GET", f"{REALM}/users/{{id}}/role-mappings/realm/composite", effective),
        ("DELETE", f"{REALM}/users/{{id}}/role-mappings/realm", unmap),
        ("POST", f"{REALM}/users/{{id}}/role-mappings/realm", remap),
        ("GET", f"{REALM}/roles/{{role}}/users", role_users),
        ("GET", f"{REALM}/roles/{{role}}/groups", role_groups),
        ("GET", f"{REALM}/groups/{{id}}/members", members),
        ("GET", f"{REALM}/groups/{{id}}/children", children),
    )
