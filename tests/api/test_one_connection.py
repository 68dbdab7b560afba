"""No request holds one connection while it waits for a second: if enough did so at once, all would wait for ever.

News are told to every open page, and all of them ask again at the same moment: that is no rare case.
"""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from spine.person import Role


@contextmanager
def _most_held(engine: Any) -> Iterator[Counter[int]]:
    """How many connections each thread held at most at once, from now on."""
    held: Counter[int] = Counter()
    most: Counter[int] = Counter()

    def out(*_: Any) -> None:
        me = threading.get_ident()
        held[me] += 1
        most[me] = max(most[me], held[me])

    def back(*_: Any) -> None:
        held[threading.get_ident()] -= 1

    event.listen(engine, "checkout", out)
    event.listen(engine, "checkin", back)
    try:
        yield most
    finally:
        event.remove(engine, "checkout", out)
        event.remove(engine, "checkin", back)


@pytest.mark.timeout(600)
def test_no_page_and_no_answer_takes_two_connections(edge: Any, victim: Any, routes: Any) -> None:
    _, owner, _ = edge.person("bob", Role.SECURITY_ADMIN, Role.INCIDENT_COMMANDER, tenant=victim.tenant)
    browser = edge.browser(owner, victim.tenant)
    said = browser.post(f"/api/ops/approvals/{victim.ids['approval_id']}/deny", json={"reason": "no"})
    assert said.status_code == 200, "there is somebody to be named"
    greedy = []
    for route in routes:
        if route.method != "GET":
            continue
        path = re.sub(r"\{(\w+)(:\w+)?\}", lambda found: victim.ids[found[1]], route.path)
        with _most_held(edge.database.engine) as most, browser.stream("GET", path, timeout=60) as answer:
            if "text/event-stream" not in answer.headers.get("content-type", ""):
                answer.read()
        greedy += [str(route)] if max(most.values(), default=0) > 1 else []
    assert greedy == []


def test_no_change_takes_two_connections(edge: Any, incident: str) -> None:
    admin, _, code = edge.person("ann", Role.SECURITY_ADMIN)
    _, bob, _ = edge.person("bob", Role.VIEWER)
    asked = {"reason": "x", "incident_id": incident, "actions": [{"action": "ip.block", "targets": ["203.0.113.7/32"]}]}
    wanted = edge.key().post("/api/ops/auth/actions", json=asked).json()["actions"][0]["approval_id"]
    change = {"definition": {"variants": {"on": True, "off": False}, "defaultVariant": "on"}, "reason": "x"}
    tries: dict[str, Any] = {
        f"PUT /api/ops/people/{bob.id}/roles": {"roles": ["responder"]},
        "POST /api/ops/people": {"email": "eve@example.org", "name": "Eve", "roles": ["viewer"]},
        "POST /api/ops/keys": {"name": "shop", "scopes": ["flags:read"]},
        "PUT /api/ops/flags/shop.sale": change,
        f"POST /api/ops/incidents/{incident}/acknowledge": None,
        f"POST /api/ops/incidents/{incident}/notes": {"text": "x"},
        f"POST /api/ops/approvals/{wanted}/approve": {"reason": "x", "totp": code()},
        "POST /api/ops/suppressions": {"reason": "deploy", "note": "x", "length_minutes": 5},
        "POST /api/ops/session/link": {"token": "x", "code": "123456"},
        "POST /api/ops/session/recovery": {"email": "ann@example.org", "recovery_code": "1-a", "code": "123456"},
        "POST /api/ops/session/step-up": {"code": "000000"},
    }
    for route, body in tries.items():
        method, path = route.split()
        with _most_held(edge.database.engine) as most:
            answer = admin.request(method, path, json=body, headers={"If-Match": '"0"'} if "flags" in path else {})
        assert answer.status_code in (200, 201, 401), f"{route}: {answer.text}"
        assert max(most.values()) == 1, route
