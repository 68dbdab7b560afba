"""Whatever a server says: a diagnostic answers, and the guard lets nobody in."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from spine.clock import ManualClock
from spine.diagnostic import Question, Receipt, State
from spine.errors import Refused, Transient
from spine.ids import NO_TENANT
from spine.probe import Place, refused_address
from spine.settings import Settings
from spine.settings.probe import ProbeSettings
from store.engine import Database
from tasks.diagnostics import Ports, ask
from tasks.diagnostics.probe.guard import Guard, Response
from tasks.diagnostics.probe.records import txt
from tasks.diagnostics.probe.smtp import Session
from tasks.diagnostics.probe.spf import walk

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ISSUER = "https://idp.test"
SERVED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""For properties that ask a real DNS server, which a test shares among its examples."""
KIDS = st.text(max_size=4) | st.sampled_from(["k1", "k2", "\ud800", "x" * 500])
VALUES = st.none() | st.booleans() | st.floats() | st.integers() | KIDS
KEYS = st.dictionaries(st.sampled_from(["kid", "kty", "crv", "x", "y", "n", "e", "k"]), VALUES | st.just("EC"))
JSON = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KIDS, inner, max_size=4))
DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "issuer": VALUES | st.just(ISSUER), "jwks_uri": VALUES | st.just(f"{ISSUER}/keys"), "token_endpoint": JSON,
        "keys": JSON | st.lists(KEYS | VALUES, max_size=5),
    },
)  # fmt: skip
KEY = {"kty": "EC", "kid": "k1", "crv": "", "x": "", "y": ""}
GOOD = json.dumps({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys", "keys": [KEY]}).encode()
BODIES = st.just(GOOD) | st.binary(max_size=40) | (DOCUMENT | JSON).map(lambda value: json.dumps(value).encode())
ODD = ["\u00b2", "9" * 30, "-1", "max-age=\u00b2", "max-age=300", "Fri, 31 Dec 9999 23:59:59 GMT",
       "Mon, 01 Jan 99999999999 00:00:00 GMT", "Mon, 23 Nov 2026 00:00:00 +9999"]  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(["age", "cache-control", "date"]), st.sampled_from(ODD) | st.text(max_size=30), max_size=3
)


class Canned(Guard):
    """Answers every question with the same bytes."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(ProbeSettings(), ManualClock(NOW))
        self.answer = Response(status, headers, body, Receipt.of("anything", NOW, body))

    async def fetch(self, url: str, **_: Any) -> Response:
        return self.answer


@settings(deadline=None)
@example(200, {"age": "\u00b2", "cache-control": "max-age=300"}, GOOD, frozenset())
@example(200, {"age": "9" * 9, "date": "Fri, 31 Dec 9999 23:59:59 GMT"}, GOOD, frozenset())
@given(st.sampled_from([200, 200, 200, 404, 500]), HEADERS, BODIES, st.frozensets(KIDS, max_size=3))
def test_no_document_of_a_provider_breaks_a_diagnostic(
    status: int, headers: dict[str, str], body: bytes, kids: frozenset[str]
) -> None:
    oidc = {"shop": {"issuer": ISSUER, "endpoints": {"jwks_uri": f"{ISSUER}/keys"}, "verifiers": {"api": ISSUER}}}
    nobody = Database("postgresql://nobody@127.0.0.1:1/none")
    configured = Settings(probe=ProbeSettings.model_validate({"oidc": oidc}))
    ports = Ports(configured, ManualClock(NOW), Canned(status, headers, body), nobody)
    question = Question(tenant_id=NO_TENANT, now=NOW, since=NOW - timedelta(hours=1), rejected_kids=kids)
    for key in ("oidc_discovery", "jwks_comparison", "clock_skew"):
        answer = asyncio.run(ask(key, question, ports))
        assert answer.checks
        assert all(isinstance(check.state, State) for check in answer.checks)
        shown = [v for check in answer.checks for v in check.observed.values()]
        assert "\ud800" not in "".join(map(str, shown)) or "\ud800" in kids


@SERVED
@given(st.lists(st.ip_addresses(v=4), max_size=4), st.lists(st.ip_addresses(v=6), max_size=4), st.booleans())
def test_one_bad_address_refuses_the_host(
    guard: Callable[..., Guard], zone: Any, fours: list[IPv4Address], sixes: list[IPv6Address], public: bool
) -> None:
    four = [str(a) for a in fours] + (["1.1.1.1"] if public else [])
    zone.add("idp.test", "A", *four)
    zone.add("idp.test", "AAAA", *(a.exploded for a in sixes))
    everything = {*four, *map(str, sixes)}
    bad = {address for address in everything if refused_address(address, ())}
    looking = guard(hosts=["idp.test"], networks=[]).addresses(Place("idp.test", 443), (443,))
    if bad:
        with pytest.raises(Refused):
            asyncio.run(looking)
    elif everything:
        assert set(asyncio.run(looking)) == everything
    else:
        with pytest.raises(Transient):
            asyncio.run(looking)


@SERVED
@given(st.text(max_size=300) | st.from_regex(r"[a-z0-9_.\\-]{0,80}"))
def test_no_name_breaks_a_look_up(guard: Callable[..., Guard], zone: Any, name: str) -> None:
    with contextlib.suppress(Refused, Transient):
        found, receipt = asyncio.run(txt(guard(), name))
        assert found == []
        assert receipt.size == 0


TERM = st.sampled_from(
    ["include:", "include:a.test", "redirect=a.test", "redirect=", "a", "mx/24", "ptr:%{i}.test", "all", "-all",
     "exp=x", "include:..", "include:" + "x" * 70, "exists:a.test", "ip4:192.0.2.1", "=", ":", "+", "unknown"]
)  # fmt: skip


@SERVED
@given(st.lists(TERM, max_size=14), st.lists(TERM, max_size=14))
def test_no_spf_record_asks_more_than_it_may(
    guard: Callable[..., Guard], zone: Any, outer: list[str], inner: list[str]
) -> None:
    zone.asked.clear()
    for name, terms in (("shop.test", outer), ("a.test", inner)):
        zone.add(name, "TXT", *(f'"{piece}"' for piece in [" ".join(["v=spf1", *terms])[:250]]))
    with contextlib.suppress(Refused, Transient):
        asyncio.run(walk(guard(), "shop.test"))
    assert len(zone.asked) <= 11


class Stream:
    """Says given bytes in given pieces, then hangs up."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = list(pieces)

    async def read(self, max_bytes: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"220 hi\r\n", b"250-a\r\n", b"250 b", b"\r\n", b"220\n"])))
def test_no_bytes_break_a_greeting(pieces: list[bytes]) -> None:
    session = Session(Stream(pieces))  # type: ignore[arg-type]
    with contextlib.suppress(Refused):
        reply = asyncio.run(session.hear())
        assert 0 <= reply.code <= 999
        assert b"".join(pieces).startswith(f"{reply.code:03}".encode())
