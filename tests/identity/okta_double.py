"""An Okta org, as far as its Management API is used here."""

import json
from datetime import timedelta
from typing import Any

from identity_double import Double, Problem

TOKEN = "00okta-api-token-3e9d"
API = "/api/v1"


class OktaDouble(Double):
    """Users by id: "ada" is "00u-ada", with the login ada@example.org."""

    kind = "okta"
    request_id_header = "x-okta-request-id"

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.mails: list[str] = []
        self.assignments = 0
        self.page_size = 1

    def settings(self) -> dict[str, Any]:
        return {"kind": "okta", "url": self.url, "token": TOKEN, "admin_roles": ["admin"], "users_are": "id"}

    def add(self, name: str, *roles: str, **record: Any) -> None:
        before = (self.now() - timedelta(hours=1)).isoformat()
        self.users[name] = {
            "id": name, "status": "ACTIVE", "statusChanged": before, "passwordChanged": before,
            "profile": {"login": f"{name}@example.org", "email": f"{name}@example.org"},
            "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}}, "sessions": 1, "roles": [],
            "tokens": [{"id": f"oar{n}", "status": "ACTIVE", "created": before} for n in range(3)], **record,
        }  # fmt: skip
        for role in roles:
            self.assign(name, {"type": role})

    def assign(self, name: str, role: dict[str, Any], kind: str = "USER") -> None:
        self.assignments += 1
        self.users[name]["roles"].append({"id": f"ra{self.assignments}", "assignmentType": kind, **role})

    def user(self, name: str) -> dict[str, Any]:
        return self.users[name]

    def locked(self, name: str) -> bool:
        return self.user(name)["status"] == "SUSPENDED"

    def lock_by_hand(self, name: str) -> None:
        self.move(self.user(name), "SUSPENDED")

    def sessions(self, name: str) -> int:
        return self.user(name)["sessions"]

    def log_in(self, name: str) -> None:
        self.user(name)["sessions"] += 1

    def roles_of(self, name: str) -> set[str]:
        return {role["type"] for role in self.user(name)["roles"]}

    def password_works(self, name: str) -> bool:
        return self.user(name)["status"] != "RECOVERY"

    def move(self, user: dict[str, Any], status: str) -> None:
        user["status"], user["statusChanged"] = status, (self.now() + timedelta(seconds=len(self.log))).isoformat()

    def authorize(self, method: str, path: str) -> None:
        if self.headers.get("authorization") != f"SSWS {TOKEN}":
            raise Problem(401, {"errorCode": "E0000011", "errorSummary": "Invalid token provided"})

    def one(self, id: str) -> dict[str, Any]:
        found = self.users.get(id) or next((u for u in self.users.values() if u["profile"]["login"] == id), None)
        if found is None:
            raise Problem(404, {"errorCode": "E0000007", "errorSummary": "Not found: Resource not found"})
        return found

    def get_user(self, _: str, id: str) -> Any:
        return {k: v for k, v in self.one(id).items() if k not in ("sessions", "roles", "tokens")}

    def lifecycle(self, _: str, id: str, step: str) -> Any:
        user = self.one(id)
        before, after = {"suspend": ("ACTIVE", "SUSPENDED"), "unsuspend": ("SUSPENDED", "ACTIVE")}.get(step, ("", ""))
        if step == "reset_password":
            assert self.query == {"sendEmail": "true"}
            self.mails.append(id)
            after = "RECOVERY"
        elif user["status"] != before:
            raise Problem(400, {"errorCode": "E0000001", "errorSummary": f"Cannot {step} a user who is not {before}"})
        self.move(user, after)
        return {}

    def clear(self, _: str, id: str) -> Any:
        assert self.query == {"oauthTokens": "true"}
        user = self.one(id)
        user["sessions"], user["tokens"] = 0, []
        self.events.append(
            {"eventType": "user.session.clear", "published": self.now(), "outcome": {"result": "SUCCESS"},
             "target": [{"id": user["id"], "type": "User"}]}
        )  # fmt: skip
        return 204, None

    def logs(self, _: str) -> Any:
        assert self.query["filter"] == 'eventType eq "user.session.clear"'
        found = [e for e in self.events if e["published"].isoformat() >= self.query["since"]]
        return [{**e, "published": e["published"].isoformat()} for e in self.linked(found)]

    def linked(self, rows: list[Any]) -> list[Any]:
        start = int(self.query.get("after", 0))
        if start + self.page_size < len(rows):
            # elsewhere on purpose: only the position may be taken from a link
            self.answer_headers["link"] = f'<https://elsewhere.invalid{API}?after={start + self.page_size}>; rel="next"'
        return rows[start : start + self.page_size]

    def clients(self, _: str, id: str) -> Any:
        return [{"client_id": "app"}] if self.one(id)["tokens"] else []

    def get_roles(self, _: str, id: str) -> Any:
        return self.one(id)["roles"]

    def unassign(self, _: str, id: str, role: str) -> Any:
        user = self.one(id)
        user["roles"] = [one for one in user["roles"] if one["id"] != role]
        return 204, None

    def reassign(self, body: str, id: str) -> Any:
        self.assign(id, json.loads(body))
        return 201, self.one(id)["roles"][-1]

    def assignees(self, _: str) -> Any:
        rows = [{"id": id} for id, user in self.users.items() if user["roles"]]
        start = int(self.query.get("after", 0))
        more = start + self.page_size < len(rows)
        link = {"next": {"href": f"https://elsewhere.invalid/x?after={start + self.page_size}"}} if more else {}
        return {"value": rows[start : start + self.page_size], "_links": link}

    routes = (
        ("GET", f"{API}/users/{{id}}", get_user),
        ("POST", f"{API}/users/{{id}}/lifecycle/{{step}}", lifecycle),
        ("DELETE", f"{API}/users/{{id}}/sessions", clear),
        ("GET", f"{API}/logs", logs),
        ("GET", f"{API}/users/{{id}}/clients", clients),
        ("GET", f"{API}/users/{{id}}/clients/app/tokens", lambda self, _, id: self.linked(self.one(id)["tokens"])),
        ("GET", f"{API}/users/{{id}}/roles", get_roles),
        ("DELETE", f"{API}/users/{{id}}/roles/{{role}}", unassign),
        ("POST", f"{API}/users/{{id}}/roles", reassign),
        (
            "GET",
            f"{API}/users/{{id}}/roles/{{role}}/targets/groups",
            lambda self, _, id, role: self.users[id].get("groups", []),
        ),
        ("GET", f"{API}/iam/assignees/users", assignees),
    )
