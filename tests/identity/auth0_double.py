"""An Auth0 tenant, as far as its Management API is used here. Deletions are accepted, and done by `settle`."""

import json
from datetime import timedelta
from typing import Any

from identity_double import Double, Problem

SECRET = "auth0-client-secret-77ab"
API = "/api/v2"
TOKEN = "auth0-token-1"
DATABASE = "Username-Password-Authentication"


class Auth0Double(Double):
    """Users by `user_id`: "ada" is "auth0|ada"."""

    kind = "auth0"
    request_id_header = "cf-ray"

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, dict[str, Any]] = {}
        self.mails: list[str] = []
        self.later = False
        self.waiting: list[tuple[str, str]] = []

    def settings(self) -> dict[str, Any]:
        return {
            "kind": "auth0", "url": self.url, "client_id": "opsspine", "client_secret": SECRET,
            "admin_roles": ["admin"], "users_are": "username",
        }  # fmt: skip

    def add(self, name: str, *roles: str, **record: Any) -> None:
        before = (self.now() - timedelta(hours=1)).isoformat()
        self.users[f"auth0|{name}"] = {
            "user_id": f"auth0|{name}", "username": name, "email": f"{name}@example.org", "blocked": False,
            "sessions": [{"id": "s", "created_at": before}], "tokens": [{"id": "t", "created_at": before}] * 101,
            "identities": [{"connection": DATABASE, "provider": "auth0"}], "roles": set(roles), "password": "old",
            **record,
        }  # fmt: skip

    def user(self, name: str) -> dict[str, Any]:
        return self.users[f"auth0|{name}"]

    def locked(self, name: str) -> bool:
        return self.user(name)["blocked"]

    def lock_by_hand(self, name: str) -> None:
        self.user(name)["blocked"] = True

    def sessions(self, name: str) -> int:
        return len(self.user(name)["sessions"])

    def log_in(self, name: str) -> None:
        self.user(name)["sessions"].append({"id": "n", "created_at": (self.now() + timedelta(seconds=1)).isoformat()})

    def roles_of(self, name: str) -> set[str]:
        return self.user(name)["roles"]

    def password_works(self, name: str) -> bool:
        return self.user(name)["password"] == "old"

    def settle(self) -> None:
        for user, kind in self.waiting:
            self.users[user][kind] = []
        self.waiting.clear()

    def authorize(self, method: str, path: str) -> None:
        if path.startswith(API) and self.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Problem(401, {"statusCode": 401, "error": "Unauthorized", "message": "Invalid token"})

    def token(self, body: str) -> Any:
        if f"client_secret={SECRET}" not in body or "audience=" not in body:
            raise Problem(401, {"error": "access_denied", "error_description": "Unauthorized"})
        return {"access_token": TOKEN, "expires_in": 86400, "token_type": "Bearer"}

    def one(self, id: str) -> dict[str, Any]:
        if id not in self.users:
            raise Problem(404, {"statusCode": 404, "errorCode": "inexistent_user"})
        return self.users[id]

    def shown(self, user: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in user.items() if k not in ("sessions", "tokens", "roles", "password")}

    def get_user(self, _: str, id: str) -> Any:
        return self.shown(self.one(id))

    def search(self, _: str) -> Any:
        assert self.query["search_engine"] == "v3"
        name = self.query["q"].removeprefix('username:"').removesuffix('"')
        # a search knows the user as they were
        return [{**self.shown(u), "blocked": False} for u in self.users.values() if u["username"] == name]

    def patch(self, body: str, id: str) -> Any:
        said, user = json.loads(body), self.one(id)
        if "password" in said:
            assert said["connection"] == DATABASE
            user["last_password_reset"] = self.now().isoformat().replace("+00:00", "Z")
        user.update(said)
        return self.shown(user)

    def end(self, id: str, kind: str) -> Any:
        self.one(id)
        self.waiting.append((id, kind))
        if not self.later:
            self.settle()
        return 202, None

    def listed(self, rows: list[Any], key: str) -> Any:
        start, take = int(self.query.get("from", 0)), int(self.query["take"])
        more = {"next": str(start + take)} if start + take < len(rows) else {}
        return {key: rows[start : start + take], **more}

    def get_roles(self, _: str, id: str) -> Any:
        start = int(self.query["page"]) * int(self.query["per_page"])
        named = sorted(self.one(id)["roles"])
        return [{"id": f"rol_{name}", "name": name} for name in named][start : start + int(self.query["per_page"])]

    def change_roles(self, body: str, id: str, given: bool) -> Any:
        names = {role.removeprefix("rol_") for role in json.loads(body)["roles"]}
        self.one(id)["roles"] = self.one(id)["roles"] | names if given else self.one(id)["roles"] - names
        return 204, None

    def find_roles(self, _: str) -> Any:
        names = {name for user in self.users.values() for name in user["roles"]} | {"admins-of-nothing"}
        return [{"id": f"rol_{name}", "name": name} for name in sorted(names) if self.query["name_filter"] in name]

    def role_users(self, _: str, id: str) -> Any:
        held = [u for u in self.users.values() if id.removeprefix("rol_") in u["roles"]]
        return self.listed([{"user_id": user["user_id"], "email": user["email"]} for user in held], "users")

    def mail(self, body: str) -> Any:
        said = json.loads(body)
        assert said["connection"] == DATABASE
        self.mails.append(said["email"])
        return 200, b"We've just sent you an email to reset your password."

    routes = (
        ("POST", "/oauth/token", token),
        ("POST", "/dbconnections/change_password", mail),
        ("GET", f"{API}/users", search),
        ("GET", f"{API}/users/{{id}}", get_user),
        ("PATCH", f"{API}/users/{{id}}", patch),
        ("DELETE", f"{API}/users/{{id}}/sessions", lambda self, _, id: self.end(id, "sessions")),
        ("DELETE", f"{API}/users/{{id}}/refresh-tokens", lambda self, _, id: self.end(id, "tokens")),
        ("GET", f"{API}/users/{{id}}/sessions", lambda self, _, id: self.listed(self.one(id)["sessions"], "sessions")),
        (
            "GET",
            f"{API}/users/{{id}}/refresh-tokens",
            lambda self, _, id: self.listed(self.one(id)["tokens"], "tokens"),
        ),
        ("GET", f"{API}/users/{{id}}/roles", get_roles),
        ("DELETE", f"{API}/users/{{id}}/roles", lambda self, body, id: self.change_roles(body, id, False)),
        ("POST", f"{API}/users/{{id}}/roles", lambda self, body, id: self.change_roles(body, id, True)),
        ("GET", f"{API}/roles", find_roles),
        ("GET", f"{API}/roles/{{id}}/users", role_users),
    )
