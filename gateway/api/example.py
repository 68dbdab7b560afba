"""An example of everything that comes in and goes out, made from its schema: the document is never without one.

What a schema or a field says of itself (`examples`, a default, a choice) comes first; the rest is told by its form.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_DEEPEST = 8
_TEXTS = {
    "uuid": "0b5d9c1e-7f0a-5a4e-8a3c-1d2e3f405060", "date-time": "2026-11-23T03:04:05Z", "date": "2026-11-23",
    "time": "09:00:00", "duration": "PT15M", "email": "ann@example.org", "uri": "https://app.example.org",
}  # fmt: skip
_NAMED = {
    "tenant_id": "acme", "tenant": "acme", "email": "ann@example.org", "key": "checkout.captcha", "name": "primary",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "plan_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "reason": "seen the evidence",
    "actor": "person:ann@example.org", "code": "123456", "totp": "123456", "owner": "person:ann@example.org",
    "recovery_code": "3-abcde-fghij-klmno", "person": "Ann", "request_id": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071",
}  # fmt: skip
_NUMBER = 3
_PLAIN = {"boolean": True, "null": None}


def fill(document: dict[str, Any]) -> None:
    """Give every body of `document` that has a schema, and no example yet, one."""
    schemas = document.get("components", {}).get("schemas", {})
    for content in _contents(document):
        schema = content.get("schema")
        if schema and "example" not in content and "examples" not in content:
            content["example"] = example(schema, schemas)


def example(schema: Schema, schemas: Mapping[str, Schema], name: str = "", depth: int = 0) -> Any:
    """What `schema` may look like; `schemas` are those that it refers to, `name` is the field's."""
    if "$ref" in schema:
        name_of = str(schema["$ref"]).rpartition("/")[2]
        return example({**schemas[name_of], **_own(schema)}, schemas, name, depth)
    for said in ("examples", "enum"):
        if schema.get(said):
            return schema[said][0]
    for said in ("example", "default", "const"):
        if said in schema:
            return schema[said]
    for said in ("anyOf", "oneOf", "allOf"):
        if schema.get(said):
            first = next((one for one in schema[said] if one.get("type") != "null"), schema[said][0])
            return example(first, schemas, name, depth)
    return _by_form(schema, schemas, name, depth)


def _own(schema: Schema) -> dict[str, Any]:
    return {word: said for word, said in schema.items() if word != "$ref"}


def _by_form(schema: Schema, schemas: Mapping[str, Schema], name: str, depth: int) -> Any:
    form = schema.get("type", "object")
    if form in _PLAIN:
        return _PLAIN[form]
    if form == "string":
        return _text(schema, name)
    if form in ("integer", "number"):
        return min(max(_NUMBER, schema.get("minimum", _NUMBER)), schema.get("maximum", _NUMBER))
    if depth >= _DEEPEST:
        return [] if form == "array" else {}
    if form == "array":
        return _list(schema, schemas, name, depth)
    fields = schema.get("properties", {})
    return {field: example(one, schemas, field, depth + 1) for field, one in fields.items()}


def _list(schema: Schema, schemas: Mapping[str, Schema], name: str, depth: int) -> list[Any]:
    if "prefixItems" in schema:
        return [example(one, schemas, name, depth + 1) for one in schema["prefixItems"]]
    items = schema.get("items")
    return [example(items, schemas, name, depth + 1)] * max(1, schema.get("minItems", 1)) if items else []


def _text(schema: Schema, name: str) -> str:
    said = _NAMED.get(name) or _TEXTS.get(schema.get("format", "")) or name.replace("_", " ") or "text"
    if "format" in schema and schema["format"] in _TEXTS:
        said = _TEXTS[schema["format"]]
    return said.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", len(said) + 1)]


def _contents(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        for operation in methods.values():
            if not isinstance(operation, dict):
                continue
            bodies = [operation.get("requestBody", {}), *operation.get("responses", {}).values()]
            for body in bodies:
                yield from body.get("content", {}).values()
