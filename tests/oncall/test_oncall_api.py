"""`/api/ops/oncall` over real HTTP: who is on call, changes of schedules, and taking an incident on."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance

from gateway.app import create_app
from gateway.auth import OF_PEOPLE, Scope
from spine.ids import TenantId
from spine.person import Person, Role
from spine.session import Method
from store import sessions
from store.keys import add_key

BASE = "/api/ops/oncall"
PLAN = {
    "zone": "Europe/Berlin",
    "layers": [
        {"name": "week", "people": ["ann@example.org", "bob@example.org"], "handover": "09:00", "start": "2026-02-23"}
    ],
}
WINDOW = {"starts_at": "2026-03-02T13:00:00Z", "ends_at": "2026-03-02T15:00:00Z"}
OVERRIDE = {"schedule": "primary", "people": ["bob@example.org"], "reason": "dentist", **WINDOW}


class Api:
    """Callers of a gateway on a real port."""

    def __init__(self, calls: Any, serve: Callable[[Any], str]) -> None:
        self.calls = calls
        self.app = create_app(calls.settings, calls.database, clock=calls.clock)
        self.url = serve(self.app)
        self.clients: list[httpx.Client] = []

    def key(self, tenant: str = "acme", *scopes: str) -> httpx.Client:
        given = scopes or tuple(scope.value for scope in Scope if scope not in OF_PEOPLE)
        with self.calls.database.system() as connection:
            _, secret = add_key(connection, TenantId(tenant), "program", given, now=self.calls.clock.now())
        return self._client({"Authorization": f"Bearer {secret}"})

    def person(self, person: Person, tenant: str = "acme", *, stepped_up: bool = True) -> httpx.Client:
        with self.calls.database.system() as connection:
            session, token = sessions.begin(
                connection, person, Method.LINK, now=self.calls.clock.now(), settings=self.calls.settings.signin,
                stepped_up=stepped_up, tenant=TenantId(tenant),
            )  # fmt: skip
        return self._client({"Cookie": f"opsspine={token}", "X-CSRF-Token": session.csrf, "Origin": self.url})

    def _client(self, headers: dict[str, str]) -> httpx.Client:
        self.clients.append(httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60))
        return self.clients[-1]


@pytest.fixture
def api(calls: Any, serve: Callable[[Any], str]) -> Any:
    opened = Api(calls, serve)
    yield opened
    for client in opened.clients:
        client.close()


def test_who_is_on_call_now_next_and_at_any_moment(api: Any) -> None:
    api.calls.schedule("primary", "ann@example.org", "bob@example.org", start="2026-03-02")
    program = api.key()
    now = program.get(BASE, params={"schedule": "primary"}).json()["schedules"][0]
    assert ([p["email"] for p in now["people"]], now["because"], now["gaps"]) == (["ann@example.org"], "week", [])
    assert now["next"][0] | {"comes": [p["name"] for p in now["next"][0]["comes"]]} == {
        "at": "2026-03-09T09:00:00Z", "comes": ["Bob"], "because": "week",
    }  # fmt: skip
    later = program.get(BASE, params={"schedule": "primary", "at": "2026-03-10T00:00:00Z"}).json()
    assert [p["name"] for p in later["schedules"][0]["people"]] == ["Bob"]


def test_a_schedule_is_written_read_changed_and_deleted(api: Any) -> None:
    program = api.key()
    made = program.put(f"{BASE}/schedules/night", json=PLAN)
    assert (made.status_code, made.json()["version"]) == (200, 1)
    shown = program.get(f"{BASE}/schedules/night")
    assert shown.json()["layers"][0]["people"] == [["ann@example.org"], ["bob@example.org"]]
    changed = program.put(f"{BASE}/schedules/night", json=PLAN, headers={"If-Match": shown.headers["etag"]})
    assert changed.json()["version"] == 2
    stale = program.put(f"{BASE}/schedules/night", json=PLAN, headers={"If-Match": shown.headers["etag"]})
    assert stale.status_code == 412
    assert program.delete(f"{BASE}/schedules/night").status_code == 204
    assert program.get(f"{BASE}/schedules/night").status_code == 404
    assert program.delete(f"{BASE}/schedules/night").status_code == 404


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("night", {"zone": "Mars/Olympus"}), ("night", {"layers": []}), ("night", {"surprise": 1}),
        ("night", {"layers": [{**PLAN["layers"][0], "people": ["nobody@example.org"]}]}),  # type: ignore[index]
        ("night", {"layers": [{**PLAN["layers"][0], "shift_hours": 0}]}),  # type: ignore[index]
        ("..%2Fetc", {}), ("%00", {}),
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(api: Any, name: str, change: dict[str, Any]) -> None:
    assert api.key().put(f"{BASE}/schedules/{name}", json={**PLAN, **change}).status_code in (404, 422)


def test_an_override_stands_in_and_is_taken_back(api: Any) -> None:
    program = api.key()
    made = program.post(f"{BASE}/overrides", json=OVERRIDE)
    assert made.status_code == 201
    at = {"schedule": "primary", "at": "2026-03-02T14:00:00Z"}
    assert program.get(BASE, params=at).json()["schedules"][0]["because"] == "override"
    assert [one["reason"] for one in program.get(f"{BASE}/overrides").json()] == ["dentist"]
    assert program.delete(f"{BASE}/overrides/{made.json()['id']}").status_code == 204
    assert program.get(BASE, params=at).json()["schedules"][0]["because"] == "week"
    assert program.delete(f"{BASE}/overrides/{made.json()['id']}").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [{"ends_at": "2026-03-02T12:30:00Z"}, {"schedule": "none"}, {"people": []}, {"reason": "a\r\nb"},
     {"ends_at": "2027-03-02T12:00:00Z"}, {"starts_at": "9999-12-31T23:59:59-12:00"},
     {"starts_at": "2026-03-02T13:00:00"}],
    ids=["ends-before", "schedule", "nobody", "lines", "a-year", "far", "no-zone"],
)  # fmt: skip
def test_what_is_no_override_is_refused(api: Any, wrong: dict[str, Any]) -> None:
    assert api.key().post(f"{BASE}/overrides", json={**OVERRIDE, **wrong}).status_code == 422


def test_a_policy_calls_only_what_there_is(api: Any) -> None:
    program = api.key()
    good = {"steps": [{"targets": ["schedule:primary", "person:carol@example.org"]}]}
    made = program.put(f"{BASE}/policies/default", json=good)
    assert made.json()["policy"]["steps"][0]["targets"] == good["steps"][0]["targets"]
    for target in ("schedule:gone", "person:nobody@example.org", "role:engine", "role:x", "nonsense", "person:"):
        bad = {"steps": [{"targets": [target]}]}
        assert program.put(f"{BASE}/policies/default", json=bad).status_code == 422, target
    assert [one["version"] for one in program.get(f"{BASE}/policies").json()] == [1]
    assert program.delete(f"{BASE}/policies/default").status_code == 204


def test_a_person_takes_an_incident_on_and_the_next_one_is_told_who(api: Any) -> None:
    api.calls.usual()
    incident = api.calls.incident()
    api.calls.round()
    ann, bob = api.person(api.calls.ann), api.person(api.calls.bob)
    asked = {"incident_id": str(incident.id)}
    first = ann.post(f"{BASE}/acknowledge", json=asked)
    assert (first.status_code, first.json()["new"]) == (200, True)
    late = bob.post(f"{BASE}/acknowledge", json=asked)
    assert (late.status_code, "ann@example.org has it already" in late.json()["detail"]) == (409, True)
    pages = ann.get(f"{BASE}/pages", params=asked).json()
    assert (pages["state"], pages["acknowledged_by"]["name"], pages["via"]) == ("acknowledged", "Ann", "api")
    assert [(page["target"], page["person"]["name"]) for page in pages["pages"]] == [("schedule:primary", "Ann")]


def test_keys_viewers_and_forged_requests_take_nothing_on(api: Any) -> None:
    incident = api.calls.incident()
    asked = {"incident_id": str(incident.id)}
    assert api.key().post(f"{BASE}/acknowledge", json=asked).status_code == 403
    vera = api.person(api.calls.person("vera", Role.VIEWER))
    assert vera.post(f"{BASE}/acknowledge", json=asked).status_code == 403
    ann = api.person(api.calls.ann)
    del ann.headers["X-CSRF-Token"]
    assert ann.post(f"{BASE}/acknowledge", json=asked).status_code == 403


def test_s46_another_tenant_sees_and_changes_nothing(api: Any) -> None:
    api.calls.usual()
    incident = api.calls.incident()
    api.calls.round()
    stranger = api.key("globex")
    assert stranger.get(BASE).json()["schedules"] == []
    assert stranger.get(f"{BASE}/schedules").json() == stranger.get(f"{BASE}/policies").json() == []
    assert stranger.get(f"{BASE}/schedules/primary").status_code == 404
    assert stranger.delete(f"{BASE}/schedules/primary").status_code == 404
    assert stranger.delete(f"{BASE}/policies/default").status_code == 404
    assert stranger.get(f"{BASE}/pages", params={"incident_id": str(incident.id)}).status_code == 404
    assert stranger.put(f"{BASE}/schedules/mine", json=PLAN).status_code == 422, "Ann has no role there"
    sam = api.person(api.calls.person("sam", Role.RESPONDER, tenant="globex"), "globex")
    assert sam.post(f"{BASE}/acknowledge", json={"incident_id": str(incident.id)}).status_code == 404


def test_what_serves_everybody_is_seen_by_all_and_changed_by_none(api: Any) -> None:
    api.calls.person("dora", Role.SECURITY_ADMIN, tenant="*")
    api.calls.schedule("global", "dora@example.org", tenant="*")
    program = api.key()
    (shown,) = [one for one in program.get(BASE).json()["schedules"] if one["schedule"] == "global"]
    assert (shown["everybodys"], shown["people"][0]["name"]) == (True, "Dora")
    assert program.delete(f"{BASE}/schedules/global").status_code == 404
    own = program.put(f"{BASE}/schedules/global", json=PLAN)
    assert (own.status_code, own.json()["everybodys"]) == (200, False)
    assert api.key("globex").get(f"{BASE}/schedules/global").json()["everybodys"] is True


def test_reading_needs_its_scope_and_writing_another(api: Any) -> None:
    reader = api.key("acme", "oncall:read")
    assert reader.get(BASE).status_code == 200
    assert reader.put(f"{BASE}/schedules/x", json=PLAN).status_code == 403
    assert api.key("acme", "flags:read").get(BASE).status_code == 403


def test_contacts_are_ones_own_and_their_addresses_never_come_out(api: Any) -> None:
    ann, bob = api.person(api.calls.ann), api.person(api.calls.bob)
    put = ann.put(f"{BASE}/contacts/phone", json={"channel": "apprise", "address": "pover://user@hunter2"})
    assert put.status_code == 200
    assert [one["name"] for one in put.json()["contacts"]] == ["phone", "mail"]
    ruled = ann.put(f"{BASE}/contacts", json={"important": True, "rules": [{"contact": "phone", "after_minutes": 1}]})
    assert ruled.json()["important"] == [{"contact": "phone", "after_minutes": 1.0}]
    assert "hunter2" not in put.text + ruled.text + ann.get(f"{BASE}/contacts").text
    assert [one["name"] for one in bob.get(f"{BASE}/contacts").json()["contacts"]] == ["mail"]
    assert bob.delete(f"{BASE}/contacts/phone").status_code == 404
    assert bob.put(f"{BASE}/contacts", json={"important": True, "rules": [{"contact": "phone"}]}).status_code == 422
    evil = bob.put(f"{BASE}/contacts/x", json={"channel": "apprise", "address": "json://169.254.169.254/latest"})
    assert (evil.status_code, "169.254" in evil.text) == (422, False)
    assert ann.delete(f"{BASE}/contacts/phone").status_code == 200
    assert api.key().get(f"{BASE}/contacts").status_code == 403


def test_whoever_changes_where_pages_go_shows_a_second_factor(api: Any) -> None:
    stale = api.person(api.calls.ann, stepped_up=False)
    answer = stale.put(f"{BASE}/contacts/phone", json={"channel": "email", "address": "eve@example.org"})
    assert (answer.status_code, "insufficient_user_authentication" in answer.headers["www-authenticate"]) == (401, True)


@pytest.mark.timeout(600)
def test_whatever_comes_in_there_is_no_5xx_and_no_answer_the_document_does_not_tell_of(api: Any) -> None:
    program, wrong = api.key(), []
    for result in schemathesis.openapi.from_dict(api.app.openapi()).get_all_operations():
        operation = result.ok()
        if not operation.path.startswith((BASE, "/api/ops/alertmanager")):
            continue

        @given(case=operation.as_strategy())
        @settings(
            max_examples=12, derandomize=True, deadline=None, database=None,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def explore(case: Any) -> None:
            case.call_and_validate(
                base_url=api.url, headers={"Authorization": program.headers["authorization"]},
                checks=[not_a_server_error, status_code_conformance], timeout=30,
            )  # fmt: skip

        try:
            explore()
        except (AssertionError, BaseExceptionGroup) as error:
            wrong.append(f"{operation.method} {operation.path}: {str(error)[:800]}")
    assert wrong == []
