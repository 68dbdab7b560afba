"""Nobody gets more than they were given: not by their own hand, not by a key of theirs, not from another tenant."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from runbooks import catalogue
from spine.ids import CommandId, TenantId, mint
from spine.oncall.schedule import Plan
from spine.person import EVERY_TENANT, PersonRef, Role
from spine.route import Rule
from store import contacts, people, schedules
from store.membership import set_roles
from store.secrets import Vault
from tasks import commanding

ACME = TenantId("acme")
PEOPLE, ONCALL = "/api/ops/people", "/api/ops/oncall"


def _add(edge: Any, name: str, *roles: tuple[str, Role]) -> Any:
    with edge.database.system() as connection:
        given = [(TenantId(tenant), role) for tenant, role in roles]
        made, _ = people.add(
            connection, f"{name}@example.org", name, given, vault=Vault.of(edge.settings), actor="test",
            now=edge.clock.now(),
        )  # fmt: skip
    return made


def _roles(edge: Any, name: str, tenant: str = "acme") -> set[Role]:
    with edge.database.system() as connection:
        found = people.find(connection, PersonRef.by_email(f"{name}@example.org"))
    assert found is not None
    return set(found.roles.get(TenantId(tenant), ()))


@pytest.mark.parametrize("address", ["ann@example.org", " ANN@example.org"])
def test_nobody_gives_themselves_a_role(edge: Any, address: str) -> None:
    browser, _, _ = edge.person("ann", Role.SECURITY_ADMIN)
    asked = {"email": address.strip(), "name": "Ann", "roles": ["break_glass"]}
    answer = browser.post(PEOPLE, json=asked)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:opsspine:problem:person.self")
    assert _roles(edge, "ann") == {Role.SECURITY_ADMIN}


def test_one_tenant_does_not_bring_back_whom_an_operator_disabled(edge: Any) -> None:
    browser, _, _ = edge.person("ann", Role.SECURITY_ADMIN)
    _add(edge, "bob", ("globex", Role.RESPONDER))
    with edge.database.system() as connection:
        people.disable(connection, "bob@example.org", actor="test", now=edge.clock.now())
    answer = browser.post(PEOPLE, json={"email": "bob@example.org", "name": "Bob", "roles": ["responder"]})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:opsspine:problem:person.disabled")
    assert edge.rows("select disabled_at from people where email = 'bob@example.org'")[0].disabled_at is not None


def test_a_tenant_s_trail_tells_nothing_of_roles_in_another(edge: Any) -> None:
    browser, _, _ = edge.person("ann", Role.SECURITY_ADMIN)
    _add(edge, "bob", ("globex", Role.INCIDENT_COMMANDER))
    made = browser.post(PEOPLE, json={"email": "bob@example.org", "name": "Bob", "roles": ["viewer"]})
    assert made.status_code == 201
    trail = browser.get("/api/ops/audit", params={"action": "policy.changed"}).text
    assert "bob@example.org" in trail
    assert "viewer" in trail
    assert "globex" not in trail
    assert "incident_commander" not in trail


def _schedule(edge: Any, tenant: str, name: str = "all hands") -> None:
    plan = {"layers": [{"name": "week", "people": ["zoe@example.org"], "handover": "09:00", "start": "2026-02-23"}]}
    _add(edge, "zoe", (EVERY_TENANT, Role.RESPONDER))
    with edge.database.system() as connection:
        schedules.put(
            connection, TenantId(tenant), name, Plan.model_validate(plan), version=0, actor="test",
            now=edge.clock.now(),
        )  # fmt: skip


def _standing_in(edge: Any, email: str) -> dict[str, Any]:
    now = edge.clock.now()
    return {"schedule": "all hands", "people": [email], "reason": "mine now", "starts_at": now.isoformat(),
            "ends_at": (now + timedelta(hours=1)).isoformat()}  # fmt: skip


@pytest.mark.parametrize("who", ["person", "key"])
def test_one_tenant_does_not_put_its_people_on_call_for_all(edge: Any, who: str) -> None:
    _schedule(edge, EVERY_TENANT)
    browser, _, _ = edge.person("mallory", Role.RESPONDER)
    caller = browser if who == "person" else edge.key()
    answer = caller.post(f"{ONCALL}/overrides", json=_standing_in(edge, "mallory@example.org"))
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:opsspine:problem:oncall.everybodys")
    now = edge.clock.now()
    with edge.database.system() as connection:
        assert schedules.overrides(connection, None, since=now) == []


@pytest.mark.parametrize("who", ["person", "key"])
def test_one_tenant_does_not_end_who_stands_in_for_all(edge: Any, who: str) -> None:
    _schedule(edge, EVERY_TENANT)
    zoe = edge.browser(_add(edge, "zoe", (EVERY_TENANT, Role.RESPONDER)))
    made = zoe.post(f"{ONCALL}/overrides", json=_standing_in(edge, "zoe@example.org"))
    assert made.status_code == 201, made.text
    browser, _, _ = edge.person("mallory", Role.RESPONDER)
    caller = browser if who == "person" else edge.key()
    override = f"{ONCALL}/overrides/{made.json()['id']}"
    assert caller.delete(override).status_code == 403
    assert zoe.delete(override).status_code == 204


def test_the_console_lets_nobody_of_one_tenant_stand_in_for_all(edge: Any) -> None:
    _schedule(edge, EVERY_TENANT)
    browser, _, _ = edge.person("mallory", Role.RESPONDER)
    form = {"schedule": "all hands", "person": "mallory@example.org", "hours": "1", "reason": "x",
            "csrf": browser.headers["x-csrf-token"]}  # fmt: skip
    answer = browser.post("/admin/auth-ops/on-call/overrides", data=form)
    assert answer.status_code == 403
    assert edge.rows("select id from oncall_overrides") == []


@pytest.mark.parametrize("form", ["notify:{}", "notify:{} "])
def test_nobody_of_another_tenant_is_called_by_their_own_ways(edge: Any, form: str) -> None:
    bob = _add(edge, "bob", ("globex", Role.RESPONDER))
    with edge.database.system() as connection:
        way = contacts.of_person(connection, bob)[0].destination
    browser, _, _ = edge.person("mallory", Role.RESPONDER)
    policy = {"steps": [{"targets": [form.format(way)]}]}
    for caller in (browser, edge.key()):
        assert caller.put(f"{ONCALL}/policies/default", json=policy).status_code == 422
    with pytest.raises(ValueError, match="own way"):
        Rule(name="x", to=(way,))


def _own_key(browser: Any, edge: Any, *scopes: str) -> Any:
    made = browser.post("/api/ops/keys", json={"name": "mine", "scopes": list(scopes)})
    assert made.status_code == 201, made.text
    return edge.client({"Authorization": f"Bearer {made.json()['secret']}"})


def test_nobody_approves_what_their_own_key_asked_for(edge: Any, incident: str) -> None:
    browser, _, _ = edge.person("ann", Role.SECURITY_ADMIN)
    program = _own_key(browser, edge, "actions:write", "incidents:read")
    asked = {
        "reason": "because", "incident_id": incident,
        "actions": [{"action": "ip.block", "targets": ["203.0.113.7/32"]}],
    }  # fmt: skip
    command = program.post("/api/ops/auth/actions", json=asked).json()
    approval = command["actions"][0]["approval_id"]
    gate = edge.rows("select gate from approvals where id = cast(:a as uuid)", a=approval)[0].gate
    assert gate == "approve", "or this shows nothing"
    answer = browser.post(f"/api/ops/approvals/{approval}/approve", json={"reason": "fine"})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:opsspine:problem:approval.self")
    other, _, _ = edge.person("bob", Role.INCIDENT_COMMANDER)
    assert other.post(f"/api/ops/approvals/{approval}/approve", json={"reason": "fine"}).status_code == 200


@pytest.mark.parametrize("lost", ["disabled", "roles"])
def test_nobody_who_was_shut_out_comes_in_again_by_a_key_of_theirs(edge: Any, lost: str) -> None:
    browser, ann, _ = edge.person("ann", Role.SECURITY_ADMIN)
    edge.person("cho", Role.SECURITY_ADMIN)  # somebody is left who may give roles
    first = _own_key(browser, edge, "people:write", "keys:write", "flags:read")
    made = first.post("/api/ops/keys", json={"name": "second", "scopes": ["people:write", "flags:read"]}).json()
    second = edge.client({"Authorization": f"Bearer {made['secret']}"})
    asked = {"email": "bob@example.org", "name": "Bob", "roles": ["viewer"]}
    assert second.post(PEOPLE, json=asked).status_code == 201
    with edge.database.system() as connection:
        if lost == "disabled":
            people.disable(connection, ann.email, actor="test", now=edge.clock.now())
        else:
            set_roles(connection, ACME, ann.id, ann.email, [Role.RESPONDER], actor="test", now=edge.clock.now())
    for program in (first, second):
        again = program.post(PEOPLE, json={**asked, "roles": ["security_admin"]})
        assert (again.status_code, again.json()["type"]) == (403, "urn:opsspine:problem:key.scope")
        assert program.post("/ofrep/v1/evaluate/flags", json={"context": {}}).status_code == 200, "applications go on"
    assert first.get("/api/ops/keys").status_code == 403
    assert _roles(edge, "bob") == {Role.VIEWER}


def test_nobody_approves_the_flag_their_key_of_a_key_wants(edge: Any) -> None:
    edge.settings.flag.high_risk_keys = ["pay.*"]
    browser, _, _ = edge.person("ann", Role.SECURITY_ADMIN)
    first = _own_key(browser, edge, "flags:write", "keys:write")
    made = first.post("/api/ops/keys", json={"name": "shop", "scopes": ["flags:write"]}).json()
    program = edge.client({"Authorization": f"Bearer {made['secret']}"})
    change = {"definition": {"variants": {"on": True, "off": False}, "defaultVariant": "on"}, "reason": "sale"}
    answer = program.post("/api/ops/flags/pay.now/changes", json=change, headers={"If-Match": '"0"'})
    assert answer.status_code == 201, answer.text
    approval = answer.json()["approval_id"]
    yes = browser.post(f"/api/ops/approvals/{approval}/approve", json={"reason": "fine"})
    assert (yes.status_code, yes.json()["type"]) == (403, "urn:opsspine:problem:approval.self")


@pytest.mark.parametrize("kind", ["actions", "resolve"])
@pytest.mark.parametrize("lost", ["disabled", "roles"])
def test_what_somebody_wanted_is_not_done_once_they_were_shut_out(
    edge: Any, incident: str, kind: str, lost: str
) -> None:
    browser, ann, _ = edge.person("ann")
    edge.obeys = False  # the orchestrator is away
    asked: dict[str, Any] = {"reason": "because"}
    if kind == "actions":
        asked |= {"incident_id": incident, "actions": [{"action": "evidence.snapshot"}]}
        told = browser.post("/api/ops/auth/actions", json=asked)
    else:
        told = browser.post(f"/api/ops/incidents/{incident}/resolve", json=asked)
    assert told.json()["state"] == "waiting"
    with edge.database.system() as connection:
        if lost == "disabled":
            people.disable(connection, ann.email, actor="test", now=edge.clock.now())
        else:
            set_roles(connection, ACME, ann.id, ann.email, [Role.VIEWER], actor="test", now=edge.clock.now())
    commanding.obey(
        edge.database, edge.settings, CommandId(UUID(told.json()["id"])), books=catalogue(), run=mint(),
        now=edge.clock.now(),
    )  # fmt: skip
    (row,) = edge.rows("select state, outcome ->> 'code' as code from commands")
    assert (row.state, row.code) == ("refused", "command.role")
    assert edge.rows("select status from incidents")[0].status != "resolved"
    assert edge.rows("select id from decisions") == []


def test_support_ends_no_incident_and_with_it_what_holds(edge: Any, incident: str) -> None:
    browser, _, _ = edge.person("sam", Role.SUPPORT)
    answer = browser.post(f"/api/ops/incidents/{incident}/resolve", json={"reason": "over"})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:opsspine:problem:person.scope")
    form = {"reason": "over", "csrf": browser.headers["x-csrf-token"]}
    assert browser.post(f"/admin/auth-ops/incidents/{incident}/resolve", data=form).status_code == 403
    assert edge.rows("select id from commands") == []
