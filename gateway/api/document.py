"""The OpenAPI document: what FastAPI knows of the routes, with credentials, problems and versions told once for all."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.api import example

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `type` is stable; `detail` says what happened and what to do next.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:opsspine:problem:version.stale"]},
        "title": {"type": "string", "examples": ["Precondition Failed"]},
        "status": {"type": "integer", "examples": [412]},
        "detail": {"type": "string"},
        "instance": {"type": "string", "examples": ["urn:request:019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string", "examples": ["#/actions/0"]},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a person's token of the provider."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
    "session": {
        "type": "apiKey", "in": "cookie", "name": "__Host-opsspine",
        "description": "A signed-in person's session; unsafe methods need `X-CSRF-Token` beside it.",
    },
}  # fmt: skip
_SAYS = {
    400: "The request is malformed.",
    401: "Credentials are missing, wrong or over; or a second factor is needed (RFC 9470).",
    403: "The credentials do not reach this.",
    404: "It is not there, or not the caller's.",
    405: "Nothing answers to this method here.",
    409: "It cannot be done as things stand: `detail` names who was faster, or what stands against it.",
    412: "It has changed since the version in `If-Match`.",
    413: "The body is too large.",
    422: "The request does not have the expected form: `errors` points at what is wrong.",
    429: "Too many: wait for as long as `Retry-After` says.",
    500: "Something here is broken.",
    503: "The database, or what this needs, cannot be reached: try again after `Retry-After`.",
}
_OPEN = ("/livez", "/readyz")
_METHODS = ("get", "put", "post", "delete", "patch")


def install(app: FastAPI) -> None:
    """Make `app` answer /api/openapi.json with the whole document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=app.title, version="1", routes=app.routes,
        summary="Incidents of authentication: seen, decided, mitigated, verified, taken back, audited.",
        description=_DESCRIPTION,
    )  # fmt: skip
    components = made.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components["securitySchemes"] = _SECURITY
    for path, method, operation in operations(made):
        _complete(path, method, operation)
    example.fill(made)
    return made


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation) of everything in a document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in _METHODS:
                yield path, method, operation


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """What is the same everywhere: problems, credentials, versions."""
    responses = operation.setdefault("responses", {})
    foreign = path.startswith("/ofrep")
    for status in _statuses(path, method, operation):
        told = responses.get(str(status), {})
        if foreign and told:
            continue
        shape = {} if foreign else {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        responses[str(status)] = {"description": _SAYS[status], **({"content": shape} if shape else {})}
    names = {one["name"].lower() for one in operation.get("parameters", [])}
    if "if-none-match" in names:
        responses["304"] = {"description": "It is as the caller has it."}
    if path.startswith("/api/ops/") and "/session" not in path:
        operation["security"] = [{name: []} for name in _SECURITY]


def _statuses(path: str, method: str, operation: dict[str, Any]) -> list[int]:
    found = [500, 503, 422]
    if path not in _OPEN:
        found += [401, 403, 429]
    if "{" in path or path.startswith("/api/ops/"):
        found.append(404)
    if method != "get":
        found += [400, 404, 409, 413]
    names = {one["name"].lower() for one in operation.get("parameters", [])}
    return found + ([412] if "if-match" in names else [])


_DESCRIPTION = """
Credentials are an API key (`Authorization: Bearer …` or `X-API-Key: …`), or a signed-in person. The tenant is theirs
and is never given: what belongs to another one is not there (404).

Lists are newest first; `next` of a page, sent as `cursor` with the same filters, is the next page. What is shown has an
`ETag`; sent as `If-None-Match` it saves a body (304), as `If-Match` it makes sure that what you change is what you saw
(412). A request with an `Idempotency-Key` is done once, however often it is sent.

Errors are `application/problem+json` (RFC 9457); `instance` has the request's id, which is also `X-Request-ID`, in the
audit trail (`/api/ops/audit?request_id=…`), in messages and in the parameters of the flow runs it led to.
"""
