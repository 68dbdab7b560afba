"""The OpenFeature SDK for Python reads every type and sees a change at its next question."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext


@pytest.fixture
def client(shop: Any) -> Iterator[OpenFeatureClient]:
    provider = OFREPProvider(shop.url, headers_factory=lambda: {"Authorization": f"Bearer {shop.key}"})
    api.set_provider_and_wait(provider, domain="conformance")
    yield api.get_client(domain="conformance")
    api.shutdown()


def _read(client: OpenFeatureClient, of: dict[str, Any], context: EvaluationContext | None = None) -> Any:
    kind = of["type"] if of["type"] != "number" else "float" if isinstance(of["otherwise"], float) else "integer"
    return getattr(client, f"get_{kind}_details")(of["key"], of["otherwise"], context)


def test_every_type_is_read(client: OpenFeatureClient, expected: list[dict[str, Any]]) -> None:
    for one in expected:
        found = _read(client, one)
        assert (found.value, found.variant, found.error_code) == (one["value"], one["variant"], None), one["key"]
        assert found.reason == ("DEFAULT" if found.error_code else "STATIC") or one["key"] == "shop.greeting"


def test_a_rule_and_a_rollout_follow_the_context(client: OpenFeatureClient, golden: dict[str, Any]) -> None:
    ann = EvaluationContext("ann", {"email": "ann@example.org"})
    assert client.get_string_value("shop.greeting", "", ann) == "Willkommen — 你好"
    for user, variant in golden["shop.checkout"].items():
        assert client.get_string_value("shop.checkout", "", EvaluationContext(user)) == variant


@pytest.mark.parametrize(
    ("key", "code"), [("shop.nothing", "FLAG_NOT_FOUND"), ("shop.checkout", "TARGETING_KEY_MISSING")]
)
def test_what_cannot_be_read_gives_the_code_default_and_says_why(
    client: OpenFeatureClient, key: str, code: str
) -> None:
    found = client.get_string_details(key, "mine")
    assert (found.value, found.error_code) == ("mine", code)


def test_another_type_than_asked_for_gives_the_code_default(client: OpenFeatureClient) -> None:
    found = client.get_boolean_details("shop.greeting", True)
    assert (found.value, found.error_code) == (True, "TYPE_MISMATCH")


def test_a_change_is_seen_by_the_next_question(shop: Any, client: OpenFeatureClient) -> None:
    assert client.get_boolean_value("shop.open", False) is True
    began = time.perf_counter()
    shop.switch("shop.open", "off")
    assert client.get_boolean_value("shop.open", True) is False
    assert time.perf_counter() - began < 5
