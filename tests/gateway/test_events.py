"""Events over HTTP: the good ones are kept, the bad ones are named, and the tenant is the key's."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event, text

from gateway.app import create_app
from gateway.purse import Purse
from spine.clock import ManualClock
from spine.ids import TenantId
from spine.settings import Settings
from store.engine import Database
from store.keys import add_key, revoke_key
from store.rate import Rate

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
URL = "/api/ops/events"
Key = Callable[..., dict[str, str]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))


@pytest.fixture
def client(database: Database, clock: ManualClock, serve: Callable[[Any], str]) -> Iterator[httpx.Client]:
    settings = Settings()
    settings.gateway.max_body_bytes, settings.gateway.max_ingest_bytes = 2_000, 20_000
    with httpx.Client(base_url=serve(create_app(settings, database, clock=clock))) as opened:
        yield opened


@pytest.fixture
def key(database: Database, clock: ManualClock) -> Key:
    def make(tenant: TenantId = ACME, *scopes: str) -> dict[str, str]:
        with database.system() as connection:
            _, secret = add_key(connection, tenant, "shop", scopes or ("events:write",), now=clock.now())
        return {"Authorization": f"Bearer {secret}"}

    return make


def _event(number: int, clock: ManualClock, **more: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "type": "login_failed", "occurred_at": clock.now().isoformat(), "user_id": "u1", **more}


def _stored(database: Database) -> list[tuple[str, str]]:
    with database.system() as connection:
        return [tuple(r) for r in connection.execute(text("select tenant_id, id from auth_ops_logs order by id"))]


def _refused(database: Database) -> list[dict[str, Any]]:
    with database.system() as connection:
        rows = connection.execute(text("select entry from audit_entries where action = 'action.denied' order by seq"))
        return [json.loads(r[0])["data"] if isinstance(r[0], str) else r[0]["data"] for r in rows]


def test_one_event_an_array_and_lines_are_taken(client: httpx.Client, key: Key, clock: ManualClock) -> None:
    mine = key()
    one = client.post(URL, json=_event(1, clock), headers=mine)
    assert (one.status_code, one.json()) == (202, {"accepted": 1, "duplicate": 0, "rejected": []})
    many = client.post(URL, json=[_event(1, clock), _event(2, clock)], headers=mine)
    assert many.json() == {"accepted": 1, "duplicate": 1, "rejected": []}
    lines = "\n".join(json.dumps(_event(n, clock)) for n in (3, 4)) + "\n"
    taken = client.post(URL, content=lines, headers={**mine, "Content-Type": "application/x-ndjson"})
    assert taken.json()["accepted"] == 2


def test_a_bad_row_is_named_and_loses_no_good_one(
    client: httpx.Client, key: Key, clock: ManualClock, database: Database
) -> None:
    rows = [
        json.dumps(_event(1, clock)),
        "{no json",
        json.dumps(_event(2, clock, occurred_at=(clock.now() + timedelta(days=1)).isoformat())),
        json.dumps(_event(3, clock, ip="999.1.1.1")),
        "[]",
        json.dumps(_event(4, clock)),
    ]
    headers = {**key(), "Content-Type": "application/x-ndjson"}
    answer = client.post(URL, content="\n".join(rows), headers=headers).json()
    assert answer["accepted"] == 2
    assert [(r["index"], r["reason"]) for r in answer["rejected"]] == [
        (1, "malformed"), (2, "future"), (3, "bad_ip"), (4, "malformed"),
    ]  # fmt: skip
    assert _stored(database) == [("acme", "e1"), ("acme", "e4")]


def test_what_is_odd_is_taken_and_told(client: httpx.Client, key: Key, clock: ManualClock) -> None:
    rows = [_event(1, clock, type="door_opened"), _event(2, clock, attributes={"factor": "hope"}), _event(3, clock)]
    answer = client.post(URL, json=rows, headers=key()).json()
    assert (answer["accepted"], answer["rejected"]) == (3, [])
    assert answer["unusual"] == [
        {"what": "unknown_type", "name": "door_opened", "count": 1},
        {"what": "unknown_value", "name": "factor", "count": 1},
    ]
    assert 'opsspine_ingest_unusual_total{what="unknown_type"} 1.0' in client.get("/api/metrics").text


def test_a_vendors_log_is_taken_by_its_format(
    client: httpx.Client, key: Key, clock: ManualClock, database: Database
) -> None:
    at = int(clock.now().timestamp() * 1000)
    rows = [
        {"id": "k1", "time": at, "type": "LOGIN_ERROR", "userId": "u1", "ipAddress": "203.0.113.9"},
        {"id": "k2", "time": at, "type": "CLIENT_INFO"},
        {"id": "k3", "time": "?", "type": "LOGIN"},
    ]
    headers = {**key(), "Idempotency-Key": "once"}
    answer = client.post(f"{URL}?format=keycloak", json=rows, headers=headers)
    assert answer.json() == {
        "accepted": 1,
        "duplicate": 0,
        "rejected": [{"index": 2, "reason": "bad_time", "detail": answer.json()["rejected"][0]["detail"]}],
        "skipped": 1,
    }
    assert client.post(f"{URL}?format=keycloak", json=rows, headers=headers).json() == answer.json()
    assert client.post(f"{URL}?format=okta", json=rows, headers=headers).status_code == 422
    assert _stored(database) == [("acme", "keycloak:k1")]


def test_an_unknown_format_is_refused(client: httpx.Client, key: Key) -> None:
    answer = client.post(f"{URL}?format=splunk", json=[], headers=key())
    assert answer.status_code == 400
    assert "keycloak" in answer.json()["detail"]


def test_another_tenants_name_in_the_body_is_refused_and_audited(
    client: httpx.Client, key: Key, clock: ManualClock, database: Database
) -> None:
    answer = client.post(URL, json=[_event(1, clock, tenant_id=GLOBEX), _event(2, clock)], headers=key()).json()
    assert [(r["index"], r["reason"]) for r in answer["rejected"]] == [(0, "wrong_tenant")]
    assert _stored(database) == [("acme", "e2")]
    (entry,) = _refused(database)
    assert (entry["action"], entry["actor"], entry["detail"]["reason"]) == ("action.denied", "key:shop", "wrong_tenant")


def test_the_same_keyed_request_is_taken_once_and_answered_alike(
    client: httpx.Client, key: Key, clock: ManualClock, database: Database
) -> None:
    """The rows have neither id nor time: only the key makes a repetition recognisable."""
    headers = {**key(), "Idempotency-Key": "batch-1"}
    rows = [{"type": "login_failed", "user_id": "u1"}, {"type": "login_failed", "user_id": "u2"}]
    first = client.post(URL, json=rows, headers=headers)
    clock.advance(timedelta(seconds=5))
    again = client.post(URL, json=rows, headers=headers)
    assert first.json() == again.json() == {"accepted": 2, "duplicate": 0, "rejected": []}
    assert len(_stored(database)) == 2


def test_a_keyed_request_whose_server_died_is_taken_again_without_doubles(
    client: httpx.Client, key: Key, clock: ManualClock, database: Database
) -> None:
    headers = {**key(), "Idempotency-Key": "batch-1"}
    row = {"type": "login_failed", "user_id": "u1"}
    client.post(URL, json=row, headers=headers)
    with database.system() as connection:
        connection.execute(text("update idempotency_keys set response = null"))
    assert client.post(URL, json=row, headers=headers).status_code == 409
    clock.advance(timedelta(seconds=61))
    assert client.post(URL, json=row, headers=headers).json()["duplicate"] == 1
    assert len(_stored(database)) == 1


def test_an_idempotency_key_means_one_body(client: httpx.Client, key: Key, clock: ManualClock) -> None:
    headers = {**key(), "Idempotency-Key": "batch-1"}
    client.post(URL, json=_event(1, clock), headers=headers)
    other = client.post(URL, json=_event(2, clock), headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "urn:opsspine:problem:idempotency.reused")


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"X-API-Key": "wrong"}, {"Authorization": "Basic eA=="}]
)
def test_without_a_right_key_nothing_is_taken(
    client: httpx.Client, headers: dict[str, str], clock: ManualClock, database: Database
) -> None:
    refused = client.post(URL, json=_event(1, clock), headers=headers)
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json()["instance"] == f"urn:request:{refused.headers['x-request-id']}"
    assert _stored(database) == []


def test_wrong_keys_are_audited_but_a_flood_of_them_is_counted(
    client: httpx.Client, clock: ManualClock, database: Database
) -> None:
    for number in range(30):
        client.post(URL, json={}, headers={"X-API-Key": f"guess-{number}"})
    assert len(_refused(database)) == 10
    clock.advance(timedelta(minutes=1))
    client.post(URL, json={}, headers={"X-API-Key": "guess-31"})
    last = _refused(database)[-1]
    assert last["detail"]["not_recorded_before"] == 20
    assert "guess" not in json.dumps(_refused(database))


def test_a_key_without_the_scope_or_revoked_is_refused(
    client: httpx.Client, key: Key, clock: ManualClock, database: Database
) -> None:
    reader = key(ACME, "flags:read")
    assert client.post(URL, json=_event(1, clock), headers=reader).status_code == 403
    with database.system() as connection:
        assert revoke_key(connection, ACME, "shop", now=clock.now()) == 1
    assert client.post(URL, json=_event(1, clock), headers=reader).status_code == 401


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "streamed"])
def test_a_body_over_the_limit_is_cut_off(client: httpx.Client, key: Key, announced: bool, database: Database) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(30):
            yield b" " * 1_000

    body: Any = b" " * 30_000 if announced else parts()
    refused = client.post(URL, content=body, headers=key())
    assert (refused.status_code, refused.json()["type"]) == (413, "urn:opsspine:problem:body.too_large")


def test_ingest_may_be_larger_than_other_requests(client: httpx.Client, key: Key) -> None:
    blank = b" " * 10_000 + b"[]"
    assert client.post(URL, content=blank, headers=key()).status_code == 202
    assert client.post("/api/ops/other", content=blank).status_code == 413


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"login failed"], ids=["empty", "cut", "binary", "deep", "prose"]
)
def test_a_body_that_is_no_json_is_a_problem_not_a_crash(client: httpx.Client, key: Key, body: bytes) -> None:
    refused = client.post(URL, content=body[:20_000], headers=key())
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:opsspine:problem:body.malformed")
    assert refused.headers["content-type"] == "application/problem+json"


def test_the_request_id_is_taken_over_or_made(client: httpx.Client) -> None:
    assert client.get("/livez", headers={"X-Request-ID": "trace-7"}).headers["x-request-id"] == "trace-7"
    assert client.get("/livez", headers={"X-Request-ID": "<script>"}).headers["x-request-id"] != "<script>"
    assert len(client.get("/livez").headers["x-request-id"]) == 36


def test_an_applications_key_cannot_hide_real_events_as_a_drill(
    client: httpx.Client, key: Key, clock: ManualClock, database: Database
) -> None:
    rows = [_event(1, clock, synthetic=True), _event(2, clock, drill_id="d1"), _event(3, clock)]
    answer = client.post(URL, json=rows, headers=key()).json()
    assert [(r["index"], r["reason"]) for r in answer["rejected"]] == [(0, "not_a_drill"), (1, "not_a_drill")]
    assert _stored(database) == [("acme", "e3")]


def test_a_key_brings_so_many_events_and_then_waits(
    database: Database, clock: ManualClock, key: Key, serve: Callable[[Any], str]
) -> None:
    settings = Settings()
    settings.signin.rate.event_burst, settings.signin.rate.event_per_minute = 5, 60
    mine, other = key(), key(GLOBEX)
    with httpx.Client(base_url=serve(create_app(settings, database, clock=clock))) as client:

        def bring(first: int, count: int, whose: dict[str, str] = mine) -> httpx.Response:
            return client.post(URL, json=[_event(first + n, clock) for n in range(count)], headers=whose)

        assert bring(0, 4).status_code == 202
        late = bring(10, 3)
        assert (late.status_code, late.headers["retry-after"]) == (429, "2")
        assert late.json()["type"] == "urn:opsspine:problem:rate.limited"
        assert bring(10, 1).status_code == 202, "what fits is taken"
        assert bring(20, 3, other).status_code == 202, "another key has a limit of its own"
        clock.advance(timedelta(seconds=3))
        assert bring(10, 3).status_code == 202
        clock.advance(timedelta(minutes=1))
        assert bring(30, 9).status_code == 202, "a body of more than a burst costs a whole one"
    assert len([1 for tenant, _ in _stored(database) if tenant == ACME]) == 4 + 1 + 3 + 9


def test_two_processes_share_a_limit_and_ask_the_database_seldom(database: Database) -> None:
    rate, now = Rate.per_minute(1_000, 60), datetime.now(UTC)
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda _c, _u, sql, *_: asked.append(sql))
    first, second = Purse(database), Purse(database)
    spent = sum(purse.spend("k", rate, 1, now=now) is None for _ in range(600) for purse in (first, second))
    assert spent == 1_000
    taken = [sql for sql in asked if "insert into rate_limits" in sql]
    assert len(taken) < 120, "a handful each time, and what was refused is not asked again"
    wait = first.spend("k", rate, 1, now=now)
    assert wait == timedelta(seconds=1)
    assert first.spend("k", rate, 1, now=now + wait) is None
