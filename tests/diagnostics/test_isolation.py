"""The isolation probe against a real multi-tenant service with one fault at a time."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from spine.diagnostic import State
from spine.settings.probe import IsolationSettings
from tasks.diagnostics import ask

CANARY, A, B = "canary-5f1d0c7e9a42", "token-of-tenant-a", "token-of-tenant-b"
KEPT = {"control.read": "ok", "control.own": "ok", "read": "ok", "anonymous": "ok", "control.list": "ok", "list": "ok"}
GOOD = {**KEPT, "write.after": "ok", "write": "ok"}


def service(fault: str) -> FastAPI:
    """Objects of tenants; `fault` breaks one rule."""
    app = FastAPI()
    kept = {"value": CANARY}

    def tenant(authorization: str | None) -> str | None:
        return {f"Bearer {A}": "a", f"Bearer {B}": "b"}.get(authorization or "")

    @app.get("/objects/1")
    def read(authorization: str | None = Header(None)) -> Response:
        who = tenant(authorization)
        if who == "b" and fault != "no canary":
            return JSONResponse(kept)
        faults = {
            ("read", "a"): lambda: JSONResponse(kept),
            ("public", None): lambda: JSONResponse(kept),
            ("header", "a"): lambda: Response(status_code=403, headers={"ETag": CANARY}),
            ("denied with it", "a"): lambda: JSONResponse({"denied": CANARY}, 403),
            ("empty", "a"): lambda: JSONResponse({}),
            ("unauthenticated", "a"): lambda: JSONResponse({}, 401),
            ("failing", "a"): lambda: JSONResponse({}, 500),
            ("limited", "a"): lambda: JSONResponse({}, 429),
            ("login page", None): lambda: RedirectResponse("/login"),
        }
        return faults.get((fault, who), lambda: JSONResponse({}, 404 if who else 401))()

    @app.get("/mine")
    def mine(authorization: str | None = Header(None)) -> Response:
        return JSONResponse({}, 200 if tenant(authorization) == "a" and fault != "expired" else 403)

    @app.get("/objects")
    def listing(authorization: str | None = Header(None)) -> Response:
        if fault == "list denied" and tenant(authorization) == "a":
            return JSONResponse({}, 403)
        sees = tenant(authorization) == "b" or fault == "list"
        return JSONResponse([kept] if sees and fault != "list without it" else [])

    @app.put("/objects/1")
    async def write(request: Request, authorization: str | None = Header(None)) -> Response:
        if fault in {"write", "silent write"}:
            kept["value"] = str(await request.json())
        statuses = {"write": 200, "write accepted": 202, "silent write": 403, "no such method": 405}
        return JSONResponse({}, statuses.get(fault, 403))

    return app


@pytest.fixture
def tried(https: Callable[..., int], states: Callable[..., dict[str, str]]) -> Callable[..., dict[str, str]]:
    """What the probe finds of a service with a fault; settings as given."""

    def look(fault: str, **fields: Any) -> dict[str, str]:
        port = https(service(fault), "shop.test")
        return states("tenant_isolation", hosts=[f"shop.test:{port}"], isolation={**settings(port), **fields})

    return look


def settings(port: int) -> dict[str, Any]:
    url = f"https://shop.test:{port}/objects"
    urls = {
        "own_url": f"https://shop.test:{port}/mine",
        "read_url": f"{url}/1",
        "list_url": url,
        "write_url": f"{url}/1",
    }
    return {"token_a": A, "token_b": B, "canary": CANARY, **urls}


def test_isolated_tenants_are_ok(tried: Callable[..., dict[str, str]]) -> None:
    assert tried("none") == GOOD


@pytest.mark.parametrize(
    ("fault", "changed"),
    [
        ("read", {"read": "bad"}),
        ("public", {"anonymous": "bad"}),
        ("header", {"read": "bad"}),
        ("denied with it", {"read": "bad"}),
        ("list", {"list": "bad"}),
        ("list denied", {}),
        ("write", {"write": "bad", "write.after": "bad"}),
        ("write accepted", {"write": "bad"}),
        ("silent write", {"write.after": "bad"}),
        ("no such method", {"write": "unknown"}),
        ("empty", {"read": "unknown"}),
        ("failing", {"read": "unknown"}),
        ("unauthenticated", {"read": "unknown"}),
        ("expired", {"control.own": "unknown"}),
        ("limited", {"read": "unknown"}),
        ("login page", {"anonymous": "unknown"}),
    ],
)
def test_one_fault_is_found_where_it_is(
    tried: Callable[..., dict[str, str]], fault: str, changed: dict[str, str]
) -> None:
    assert tried(fault) == {**GOOD, **changed}


def test_without_bs_own_view_nothing_is_proven(tried: Callable[..., dict[str, str]]) -> None:
    found = tried("no canary")
    assert set(found.values()) == {"unknown"}
    assert {"read", "anonymous", "list", "write"} < set(found)
    listed = tried("list without it")
    assert listed["control.list"] == "unknown"
    assert "list" not in listed


@pytest.mark.parametrize(("field", "check"), [("list_url", "list"), ("write_url", "write"), ("own_url", "control.own")])
def test_what_is_not_configured_is_unknown(tried: Callable[..., dict[str, str]], field: str, check: str) -> None:
    assert tried("none", **{field: None})[check] == "unknown"


@pytest.mark.parametrize("field", ["token_a", "token_b", "canary", "read_url"])
def test_without_the_tenants_the_probe_answers_unknown(tried: Callable[..., dict[str, str]], field: str) -> None:
    assert tried("none", **{field: None}) == {"tenant_isolation": "unknown"}


def test_one_token_for_both_tenants_proves_nothing(tried: Callable[..., dict[str, str]]) -> None:
    assert tried("none", token_a=B) == {"tenant_isolation": "unknown"}


def test_neither_token_nor_canary_nor_url_is_in_the_answer(
    https: Callable[..., int], ports: Any, question: Any
) -> None:
    port = https(service("read"), "shop.test")
    own = settings(port)
    answer = asyncio.run(ask("tenant_isolation", question(), ports(hosts=[f"shop.test:{port}"], isolation=own)))
    assert answer.state is State.BAD
    assert not [secret for secret in (CANARY, A, B, "/objects") if secret in repr(answer)]


def test_a_canary_that_could_be_there_by_chance_stops_the_start() -> None:
    for guessable in ("short", "has a space in it, long as it is", "quotes\"would'be-escaped-in-json"):
        with pytest.raises(ValueError):
            IsolationSettings.model_validate({"canary": guessable})
