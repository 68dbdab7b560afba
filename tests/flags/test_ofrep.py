"""The two OFREP endpoints answer exactly what the protocol's clients expect."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import psycopg
import pytest
import yaml

from spine.flag import parse_definition
from store import flags
from store.embedded import EmbeddedPostgres
from store.keys import add_key, revoke_key

SINGLE, BULK = "/ofrep/v1/evaluate/flags/{key}", "/ofrep/v1/evaluate/flags"
ROLLOUT = {"variants": {"a": 1, "b": 2}, "defaultVariant": "a", "targeting": {"fractional": [["a", 1], ["b", 1]]}}
DIVIDES = {"variants": {"a": 1}, "defaultVariant": "a", "targeting": {"if": [{"/": [1, {"var": "n"}]}, "a"]}}


@pytest.fixture
def http(url: str, secret: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {secret}"}) as client:
        yield client


@pytest.fixture
def defined(ledger) -> None:
    with ledger.database.tenant(ledger.tenant) as connection:
        for key, raw in {"rollout": ROLLOUT, "divides": DIVIDES}.items():
            flags.put(
                connection, ledger.tenant, key, parse_definition(key, raw).stored(), expected_version=0,
                actor="person:ada@example.org", reason="test", at=ledger.clock.now(),
            )  # fmt: skip


def _ask(http: httpx.Client, key: str, **context: object) -> Any:
    return http.post(SINGLE.format(key=key), json={"context": context})


def test_a_flag_is_answered_with_value_variant_reason_and_metadata(http: httpx.Client) -> None:
    answer = _ask(http, "auth.captcha.required", targetingKey="u1")
    assert answer.status_code == 200
    assert answer.json() == {
        "key": "auth.captcha.required", "value": False, "variant": "off", "reason": "STATIC", "metadata": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "body", "status", "code"),
    [
        pytest.param("no.such.flag", b'{"context":{}}', 404, "FLAG_NOT_FOUND", id="no such flag"),
        pytest.param("UPPER", b'{"context":{}}', 404, "FLAG_NOT_FOUND", id="no flag key at all"),
        pytest.param("rollout", b"{", 400, "PARSE_ERROR", id="no JSON"),
        pytest.param("rollout", b"[]", 400, "PARSE_ERROR", id="no object"),
        pytest.param("rollout", b'{"context":[]}', 400, "INVALID_CONTEXT", id="context is a list"),
        pytest.param("rollout", b'{"context":{"targetingKey":7}}', 400, "INVALID_CONTEXT", id="key is a number"),
        pytest.param("rollout", b'{"context":{}}', 400, "TARGETING_KEY_MISSING", id="rollout without a key"),
        pytest.param("divides", b'{"context":{"n":0}}', 400, "GENERAL", id="rule fails"),
    ],
)
def test_errors_have_the_protocols_shape(
    http: httpx.Client, defined: None, key: str, body: bytes, status: int, code: str
) -> None:
    answer = http.post(SINGLE.format(key=key), content=body)
    assert (answer.status_code, answer.json()["key"], answer.json()["errorCode"]) == (status, key, code)
    assert answer.json()["errorDetails"]
    assert answer.headers["content-type"] == "application/json"


def test_too_large_a_body_is_refused_in_the_shape_of_the_protocol(http: httpx.Client) -> None:
    refused = http.post(BULK, content=b"x" * (1024 * 1024 + 1))
    assert (refused.status_code, sorted(refused.json())) == (413, ["errorCode", "errorDetails"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "", "X-API-Key": "x"}, 401),
    ],
)
def test_without_a_key_nothing_is_told(http: httpx.Client, headers: dict[str, str], status: int) -> None:
    for path in (SINGLE.format(key="auth.captcha.required"), BULK):
        answer = http.post(path, json={"context": {}}, headers=headers)
        assert answer.status_code == status
        assert "problem" not in answer.headers["content-type"]
        assert answer.json()["errorDetails"]


def test_a_revoked_key_is_refused_as_soon_as_it_is_looked_up_again(ledger, http: httpx.Client) -> None:
    assert _ask(http, "auth.captcha.required").status_code == 200
    with ledger.database.system() as connection:
        assert revoke_key(connection, ledger.tenant, "app", now=ledger.clock.now()) == 1
    time.sleep(0.25)
    assert _ask(http, "auth.captcha.required").status_code == 401


def test_a_key_for_something_else_is_forbidden(ledger, http: httpx.Client) -> None:
    with ledger.database.system() as connection:
        secret = add_key(connection, ledger.tenant, "writer", ["events:write"], now=ledger.clock.now())[1]
    answer = http.post(BULK, json={"context": {}}, headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 403


def test_the_tenant_is_the_keys_whatever_the_context_says(ledger, http: httpx.Client) -> None:
    rule = {"if": [{"==": [{"var": "tenant"}, "acme"]}, "mine", "theirs"]}
    raw = {"variants": {"mine": "mine", "theirs": "theirs"}, "defaultVariant": "theirs", "targeting": rule}
    with ledger.database.tenant(ledger.tenant) as connection:
        flags.put(
            connection, ledger.tenant, "whose", raw, expected_version=0, actor="a", reason="r", at=ledger.clock.now()
        )
    assert _ask(http, "whose", tenant="other").json()["value"] == "mine"


def test_the_bulk_answer_is_tagged_and_not_sent_twice(ledger, http: httpx.Client) -> None:
    first = http.post(BULK, json={"context": {"targetingKey": "u1"}})
    assert [f["key"] for f in first.json()["flags"]] == sorted(f["key"] for f in first.json()["flags"])
    again = http.post(BULK, json={"context": {"targetingKey": "u1"}}, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]

    lease = ledger.apply(ledger.step("captcha.require", mode="all"))
    held = http.post(BULK, json={"context": {}}, headers={"If-None-Match": first.headers["etag"]})
    assert held.status_code == 200
    assert {f["key"]: f["value"] for f in held.json()["flags"]}["auth.captcha.required"] is True

    ledger.end(lease)
    assert http.post(BULK, json={"context": {}}).headers["etag"] == first.headers["etag"]


def test_the_tag_follows_what_the_context_makes_of_the_flags(ledger, http: httpx.Client) -> None:
    ledger.apply(ledger.step("ip.block", "203.0.113.0/24"))
    tags = {http.post(BULK, json={"context": {"ip": ip}}).headers["etag"] for ip in ("203.0.113.1", "192.0.2.1")}
    assert len(tags) == 2


def test_one_flag_that_fails_does_not_take_the_others_along(http: httpx.Client, defined: None) -> None:
    found = {f["key"]: f for f in http.post(BULK, json={"context": {"n": 0}}).json()["flags"]}
    assert found["divides"]["errorCode"] == "GENERAL"
    assert found["auth.captcha.required"]["value"] is False


def test_a_database_that_does_not_answer_is_no_problem_json(
    http: httpx.Client, postgres: EmbeddedPostgres, database_url: str
) -> None:
    name = database_url.rsplit("/", 1)[1]
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f'alter database "{name}" allow_connections false')
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
    answer = _ask(http, "auth.captcha.required")
    assert answer.status_code == 503
    assert set(answer.json()) >= {"errorDetails"}
    assert answer.headers["content-type"] == "application/json"


def test_every_answer_conforms_to_the_published_schema(
    ledger, http: httpx.Client, defined: None, public_data: Path
) -> None:
    document = yaml.safe_load((public_data / "ofrep-openapi-patched.yaml").read_text())
    ledger.apply(ledger.step("ip.throttle", "203.0.113.0/24"))
    checked = set()
    for path, key in ((SINGLE, "auth.ipThrottle.enabled"), (SINGLE, "none"), (SINGLE, "rollout"), (BULK, "")):
        for body in (b'{"context":{"ip":"203.0.113.9"}}', b'{"context":{"targetingKey":"u"}}', b"{"):
            answer = http.post(path.format(key=key), content=body)
            described = document["paths"][path]["post"]["responses"][str(answer.status_code)]
            schema = described["content"]["application/json"]["schema"] | {"components": document["components"]}
            jsonschema.validate(json.loads(answer.content), schema)
            checked.add((path, answer.status_code))
    assert checked == {(SINGLE, 200), (SINGLE, 400), (SINGLE, 404), (BULK, 200), (BULK, 400)}
