"""An application that is its own identity provider, and sends its own mail: docs/identity-providers.md in code."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

from identity_double import Double, Problem
from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"identity-webhook-secret-").decode()


class WebhookDouble(Double):
    """Users by the name events have for them. What was done for an id is not done again."""

    kind = "webhook"

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, dict[str, Any]] = {}
        self.seen: list[tuple[str, str]] = []
        self.mails: list[str] = []
        self.queue: dict[str, dict[str, Any]] = {}

    def settings(self) -> dict[str, Any]:
        return {"kind": "webhook", "url": f"{self.url}/hook", "secret": SECRET, "admin_roles": ["admin"]}

    def add(self, name: str, *roles: str, **record: Any) -> None:
        self.users[name] = {
            "id": f"u-{name}", "email": f"{name}@example.org", "locked": False, "roles": set(roles), "reset_at": None,
            "sessions": [self.now() - timedelta(hours=1)], **record,
        }  # fmt: skip

    def user(self, name: str) -> dict[str, Any]:
        return self.users[name]

    def locked(self, name: str) -> bool:
        return self.user(name)["locked"]

    def lock_by_hand(self, name: str) -> None:
        self.user(name)["locked"] = True

    def sessions(self, name: str) -> int:
        return len(self.user(name)["sessions"])

    def log_in(self, name: str) -> None:
        self.user(name)["sessions"].append(self.now() + timedelta(seconds=1))

    def roles_of(self, name: str) -> set[str]:
        return self.user(name)["roles"]

    def password_works(self, name: str) -> bool:
        return self.user(name)["reset_at"] is None

    def writes(self) -> list[str]:
        return [kind for kind, _ in self.seen if ".ask." not in kind]

    def receive(self, body: str) -> Any:
        Webhook(SECRET).verify(body, self.headers)
        said = json.loads(body)
        assert said["id"] == self.headers["webhook-id"]
        repeated = ("", said["id"]) in [("", id) for _, id in self.seen]
        self.seen.append((said["type"], said["id"]))
        kind = said["type"].removeprefix("opsspine.")
        if ".ask." in kind:
            return self.told(kind.rpartition(".")[2], said["data"])
        if not repeated:
            self.act(kind, said["data"], said["id"])
        return 204, None

    def told(self, question: str, data: dict[str, Any]) -> dict[str, Any]:
        if question == "retry_queue":
            return self.queue.get(data["id"], {"known": False})
        if question == "admins":
            return {
                "users": [
                    {"user": n, "locked": u["locked"]} for n, u in self.users.items() if u["roles"] & set(data["roles"])
                ]
            }
        if question == "tenant":
            return {"oldest_session_at": self.oldest([m for u in self.users.values() for m in u["sessions"]])}
        user = self.called(data["user"])
        if user is None:
            return {"found": False}
        return {
            "found": True, "id": user["id"], "locked": user["locked"], "email": user["email"],
            "roles": sorted(user["roles"]), "oldest_session_at": self.oldest(user["sessions"]),
            "password_reset_at": user["reset_at"] and user["reset_at"].isoformat(),
        }  # fmt: skip

    def called(self, name: str) -> Any:
        return self.users.get(name) or next((user for user in self.users.values() if user["id"] == name), None)

    def oldest(self, moments: list[datetime]) -> str | None:
        return min(moments).isoformat() if moments else None

    def act(self, kind: str, data: dict[str, Any], id: str) -> None:
        if kind == "email.retry_queue":
            self.queue[id] = {"known": True, "sent": 3, "waiting": 0, **{"asked": data}}
            return
        if kind == "identity.end_all_sessions":
            for user in self.users.values():
                user["sessions"] = []
            return
        user = self.called(data["user"])
        if kind == "identity.end_sessions":
            user["sessions"] = []
        elif kind in ("identity.lock", "identity.unlock"):
            user["locked"] = kind == "identity.lock"
        elif kind == "identity.force_reset":
            user["reset_at"] = self.now()
            self.mails.append(data["user"])
        elif kind == "identity.revoke_role":
            user["roles"] -= {data["role"]}
        elif kind == "identity.grant_role":
            user["roles"] |= {data["role"]}
        else:
            raise Problem(400, {"error": kind})

    routes = (("POST", "/hook", receive),)
