"""The document has an example of every body that comes in and of every one that goes out, and each fits its schema."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.api.document import operations
from gateway.app import create_app
from spine.settings import Settings
from store.engine import Database


@pytest.fixture(scope="module")
def document() -> Any:
    return create_app(Settings(), Database("postgresql://nobody@localhost/nothing")).openapi()


def _bodies(document: Any) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path, method, operation in operations(document):
        if not path.startswith("/api/ops"):
            continue
        sides = [("asked", operation.get("requestBody", {}))]
        sides += [(status, said) for status, said in operation["responses"].items() if status[0] == "2"]
        for side, body in sides:
            contents = body.get("content", {}).items()
            found += [
                (f"{method} {path} {side} {kind}", content) for kind, content in contents if content.get("schema")
            ]
    return found


def test_every_body_has_an_example_that_fits(document: Any) -> None:
    bodies = _bodies(document)
    assert len(bodies) > 90, "files are not among them: they have no schema"
    wrong = []
    for where, content in bodies:
        if "example" not in content:
            wrong.append(f"{where}: none")
            continue
        schema = {**content["schema"], "components": document["components"]}
        problems = [error.message[:200] for error in Draft202012Validator(schema).iter_errors(content["example"])]
        wrong += [f"{where}: {problem}" for problem in problems]
    assert wrong == []


def test_examples_are_of_use(document: Any) -> None:
    by_name = dict(_bodies(document))
    incidents = by_name["get /api/ops/incidents 200 application/json"]["example"]
    assert incidents["items"][0]["kind"] == "FAILED_LOGINS_SPIKE"
    assert by_name["post /api/ops/events asked application/json"]["example"][0]["type"] == "login_failed"
