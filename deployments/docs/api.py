"""The page of the HTTP API: every documented operation, from the OpenAPI document itself."""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from deployments.docs.markdown import page as whole_page
from deployments.docs.markdown import table
from gateway.api.document import operations
from gateway.app import create_app
from spine.settings import Settings
from store.engine import Database

_INTRODUCTION = """The gateway answers the whole document at `/api/openapi.json`, with the schemas of everything that
comes in and goes out."""


def page() -> str:
    """Every operation, by what it is about."""
    document = _document()
    parts = [document["info"]["description"].strip()]
    found = sorted(operations(document), key=lambda one: (_tag(one[2]), one[0], one[1]))
    for tag, group in groupby(found, key=lambda one: _tag(one[2])):
        parts.append("\n\n".join([f"## {tag}", *(_operation(document, *one) for one in group)]))
    return whole_page("HTTP API", "`gateway/`", _INTRODUCTION, *parts)


def _document() -> dict[str, Any]:
    """The document of a gateway that nobody calls: its database is never reached."""
    app = create_app(Settings(), Database("postgresql://nobody@localhost/nothing"))
    return app.openapi()


def _tag(operation: dict[str, Any]) -> str:
    return str(operation.get("tags", ["general"])[0])


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> str:
    parts = [f"### {method.upper()} `{path}`", str(operation.get("description", "")).strip()]
    rows = [
        [f"`{one['name']}`", one["in"], "yes" if one.get("required") else "", one.get("description", "")]
        for one in operation.get("parameters", [])
    ]
    if rows:
        parts.append(table(["parameter", "in", "required", "meaning"], rows))
    parts += [
        f"```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```"
        for example in _examples(document, operation)
    ]
    parts += [
        f"Answer {status}:\n\n```json\n{json.dumps(answered, indent=2, ensure_ascii=False)}\n```"
        for status, answered in _answers(operation)
    ]
    statuses = ", ".join(f"{status}" for status in sorted(operation["responses"]))
    parts.append(f"Answers {statuses}.")
    return "\n\n".join(part for part in parts if part)


def _examples(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[Any]:
    """An example of the body, where it has one."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if "example" in content:
        yield content["example"]
        return
    schema = content.get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    yield from schema.get("examples", [])[:1]


def _answers(operation: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """(status, example) of what is answered when all goes well."""
    for status, answer in sorted(operation["responses"].items()):
        content = answer.get("content", {}).get("application/json", {})
        if status.startswith("2") and "example" in content:
            yield status, content["example"]
