"""The OpenFeature SDK for servers in Node reads every type and sees a change at its next question."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "client" / "server.mjs"


class Node:
    """A program in Node that answers line by line."""

    def __init__(self, packages: Path, shop: Any) -> None:
        shutil.copy(SCRIPT, packages / SCRIPT.name)  # beside its packages, where Node looks for them
        self._process = subprocess.Popen(
            ["node", SCRIPT.name], cwd=packages, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "FLAG_URL": shop.url, "FLAG_KEY": shop.key},
        )  # fmt: skip
        assert self._line() == {"ready": True}

    def read(self, kind: str, key: str, otherwise: Any, context: dict[str, Any] | None = None) -> dict[str, Any]:
        """The details the SDK gives."""
        assert self._process.stdin is not None
        asked = {"type": kind, "key": key, "otherwise": otherwise, "context": context or {}}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._line()

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=20)

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found


@pytest.fixture
def node(packages: Path, shop: Any) -> Iterator[Node]:
    started = Node(packages, shop)
    yield started
    started.close()


def test_every_type_is_read(node: Node, expected: list[dict[str, Any]]) -> None:
    for one in expected:
        found = node.read(one["type"], one["key"], one["otherwise"])
        assert (found["value"], found["variant"]) == (one["value"], one["variant"]), found
        assert "errorCode" not in found


def test_a_rule_and_a_rollout_follow_the_context(node: Node, golden: dict[str, Any]) -> None:
    kind = node.read("string", "shop.greeting", "", {"targetingKey": "ann", "email": "ann@example.org"})
    assert kind["value"] == "Willkommen — 你好"
    for user, variant in golden["shop.checkout"].items():
        assert node.read("string", "shop.checkout", "", {"targetingKey": user})["value"] == variant


@pytest.mark.parametrize(
    ("key", "code"), [("shop.nothing", "FLAG_NOT_FOUND"), ("shop.checkout", "TARGETING_KEY_MISSING")]
)
def test_what_cannot_be_read_gives_the_code_default_and_says_why(node: Node, key: str, code: str) -> None:
    found = node.read("string", key, "mine")
    assert (found["value"], found["errorCode"]) == ("mine", code)


def test_another_type_than_asked_for_gives_the_code_default(node: Node) -> None:
    found = node.read("boolean", "shop.greeting", True)
    assert (found["value"], found["errorCode"]) == (True, "TYPE_MISMATCH")


def test_a_change_is_seen_by_the_next_question(shop: Any, node: Node) -> None:
    assert node.read("boolean", "shop.open", False)["value"] is True
    began = time.perf_counter()
    shop.switch("shop.open", "off")
    assert node.read("boolean", "shop.open", True)["value"] is False
    assert time.perf_counter() - began < 5
