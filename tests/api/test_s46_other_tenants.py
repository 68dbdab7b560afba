"""46: a tenant's credentials read and change nothing of another tenant, by any route, even by a forgotten WHERE."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from spine.person import Role

_REASON = {"reason": "because"}
MARK = "globexsecret"
"""Stands in everything of the other tenant that is text (tests/api/world.py)."""
BODIES: dict[str, Any] = {
    "POST /api/ops/auth/actions": {
        **_REASON,
        "actions": [{"action": "evidence.snapshot"}],
        "incident_id": "{incident_id}",
    },
    "POST /api/ops/approvals/{approval_id}/approve": {**_REASON, "totp": "123456"},
    "POST /api/ops/approvals/{approval_id}/deny": {**_REASON, "totp": "123456"},
    "POST /api/ops/approvals/{approval_id}/ratify": {**_REASON, "totp": "123456"},
    "POST /api/ops/incidents/{incident_id}/acknowledge": None,
    "POST /api/ops/session/tenant": {"tenant": "globex"},
    "POST /api/ops/events": [{"id": "x", "type": "login_failed", "tenant_id": "globex"}],
    "POST /api/ops/auth": {"event_id": "x", "occurred_at": "2026-01-01T00:00:00Z", "tenant": "globex"},
}
"""What is sent where the document's own example would not reach the other tenant."""
SIGNED_OTHERWISE = re.compile(r"/slack/.*|/api/alertmanager.*")
"""Whoever calls these shows no key: a signature over the body, tested where they live."""
REFUSED = {301, 303, 307, 400, 401, 403, 404, 405, 409, 410, 412, 415, 422, 429}
NAMED = {"key", "name", "seq"}
"""What every tenant may have one of: then the caller's own is reached."""
OPEN = {200, 201, 202, 204, 207, 304} | REFUSED


@pytest.fixture
def caller(edge: Any, request: pytest.FixtureRequest) -> Callable[[], httpx.Client]:
    """Somebody of the tenant acme with everything they can be given: a key, or a person."""
    if request.param == "key":
        with_all = edge.key()
        return lambda: with_all
    _, mallory, _ = edge.person("mallory", *(role for role in Role if role is not Role.ENGINE))
    return lambda: edge.browser(mallory)  # a new session for every route: some of them end it


def _fill(template: Any, ids: dict[str, str]) -> Any:
    """A path or a body with the other tenant's ids in it."""
    if isinstance(template, str):
        return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: ids[found[1]], template)
    if isinstance(template, dict):
        return {name: _fill(value, ids) for name, value in template.items()}
    return [_fill(value, ids) for value in template] if isinstance(template, list) else template


def _example(document: dict[str, Any], route: Any) -> Any:
    """The document's example of a body; fails where a new route has none and none is written down here."""
    operation = document["paths"].get(route.path, {}).get(route.method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = content.get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    examples = (
        content.get("examples") or schema.get("examples") or ([content["example"]] if "example" in content else None)
    )
    if examples:
        return examples[0] if isinstance(examples, list) else next(iter(examples.values()))["value"]
    return _made(document, schema)


def _made(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """The least that a schema lets through, roughly: enough to get past the form in most cases."""
    if "$ref" in schema:
        return _made(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    kinds = {"string": "x", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
    if schema.get("type") == "object":
        return {name: _made(document, schema["properties"][name]) for name in schema.get("required", [])}
    return kinds.get(schema.get("type", ""), {})


def _call(client: httpx.Client, route: Any, document: dict[str, Any], ids: dict[str, str]) -> tuple[int, str]:
    """Status and body; what the request itself said is taken out of the body, for that tells nobody anything."""
    path = _fill(route.path, ids)
    sent: dict[str, Any] = {"params": {"tenant": "globex", "incident": ids["incident_id"]}}
    if route.method != "GET":
        if route.documented:
            body = BODIES[str(route)] if str(route) in BODIES else _example(document, route)
            sent = {"json": _fill(body, ids)}
        else:
            form = {**{name: ids[name] for name in ids}, **_REASON, "text": "x", "note": "x", "vote": "approve",
                    "decision": "approve", "tenant": "globex", "code": "123456", "totp": "123456",
                    "csrf": client.headers.get("x-csrf-token", "")}  # fmt: skip
            sent = {"data": form}
    with client.stream(route.method, path, timeout=60, **sent) as answer:
        return answer.status_code, _without(path, sent, "".join(_some(answer)), ids)


def _without(path: str, sent: dict[str, Any], shown: str, ids: dict[str, str]) -> str:
    for one in ids.values():
        if len(one) > 8 and one in f"{path} {sent}":
            shown = shown.replace(one, "")
    return shown


def _some(answer: httpx.Response) -> Iterator[str]:
    """The body; of a stream that does not end nothing."""
    if "text/event-stream" in answer.headers.get("content-type", ""):
        return
    yield from answer.iter_text()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("caller", ["key", "person"], indirect=True)
def test_s46_no_route_shows_or_changes_anything_of_another_tenant(
    edge: Any, victim: Any, routes: Any, caller: Callable[[], httpx.Client]
) -> None:
    document = edge.app.openapi()
    secrets = [value for name, value in victim.ids.items() if name not in NAMED] + [
        MARK
    ]  # their own trail tells what they tried
    before, leaks = victim.digest(), []
    for route in routes:
        named = set(re.findall(r"\{(\w+)", route.path))
        unknown = named - victim.ids.keys()
        assert not unknown, f"{route}: say in tests/api/world.py what of another tenant goes into {unknown}"
        status, shown = _call(caller(), route, document, victim.ids)
        ill = status == 503 and route.path in ("/api/health", "/readyz")
        if not ill and status not in (REFUSED if named - NAMED else OPEN):
            leaks.append(f"{route}: {status} {shown[:200]}")
        leaks += [
            f"{route} shows {one}: {shown[:300]}"
            for one in (secrets if "/audit" not in route.path else [MARK])
            if one in shown
        ]
    after = victim.digest()
    leaks += [f"{table} has changed" for table in before if before[table] != after[table]]
    assert leaks == [], "\n".join(leaks)


@pytest.mark.timeout(600)
def test_s46_without_credentials_nothing_is_shown(edge: Any, victim: Any, routes: Any) -> None:
    document, nobody = edge.app.openapi(), edge.client()
    for route in routes:
        if not route.path.startswith("/api/ops") or "/session" in route.path:
            continue
        status, shown = _call(nobody, route, document, victim.ids)
        assert status == 401, f"{route}: {status} {shown[:200]}"
        wrong, _ = _call(edge.client({"Authorization": "Bearer ops_wrong"}), route, document, victim.ids)
        assert wrong == 401, route


@pytest.mark.timeout(600)
def test_s46_a_key_without_the_scope_is_told_which_one_it_lacks(edge: Any, victim: Any, routes: Any) -> None:
    document, poor = edge.app.openapi(), edge.key("acme", "events:drill", name="poor")
    for route in routes:
        if not route.path.startswith("/api/ops") or "/session" in route.path or route.path == "/api/ops/events":
            continue
        status, shown = _call(poor, route, document, victim.ids)
        assert status == 403, f"{route}: {status} {shown[:200]}"
        assert "scope" in shown or "session" in shown, shown


def test_s46_a_forgotten_where_shows_one_tenant_only(edge: Any, victim: Any) -> None:
    with edge.database.owner() as connection:
        tables = [
            row.table_name
            for row in connection.execute(
                text(
                    "select distinct table_name from information_schema.columns where column_name = 'tenant_id'"
                    " and table_schema = 'public' order by 1"
                )
            )
        ]
        readable = [
            table
            for table in tables
            if connection.execute(
                text("select has_any_column_privilege('opsspine_app', cast(:t as regclass), 'select')"), {"t": table}
            ).scalar_one()
        ]
    assert {"incidents", "approvals", "leases", "commands", "audit_entries", "api_keys", "person_roles"} <= set(
        readable
    )
    with edge.database.tenant("acme") as connection:
        for table in readable:
            seen = connection.execute(text(f"select count(*) from {table} where tenant_id = 'globex'")).scalar_one()
            assert seen == 0, table
        assert (
            connection.execute(text("select count(*) from people where email like 'globexsecret%'")).scalar_one() == 0
        )


def test_s46_a_tenant_s_role_cannot_write_into_another_tenant(edge: Any, victim: Any) -> None:
    for statement in (
        "insert into suppressions(id, tenant_id, reason, owner, note, starts_at, ends_at)"
        " values(gen_random_uuid(), 'globex', 'deploy', 'x', 'x', now(), now() + interval '1 hour')",
        "insert into commands(id, tenant_id, kind, incident_id, actor, role, reason, commanded_at)"
        f" values(gen_random_uuid(), 'globex', 'resolve', '{victim.ids['incident_id']}', 'x', 'responder', 'x', now())",
        "insert into api_keys(id, tenant_id, name, sha256, scopes) values(gen_random_uuid(), 'globex', 'x', 'x', '{}')",
        "select audit_append('globex', '{}', '{}')",
        "insert into person_roles select id, 'acme', 'security_admin' from people",
    ):
        with (
            pytest.raises(Exception, match=r"policy|permission|may not write"),
            edge.database.tenant("acme") as connection,
        ):
            connection.execute(text(statement))
