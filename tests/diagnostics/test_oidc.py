"""Identity providers: discovery, keys, redirect URIs, clocks; against a provider over real TLS."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.clock import ManualClock, SystemClock
from spine.diagnostic import Answer, Question, State
from store.engine import Database
from tasks.diagnostics import Ports, ask
from tasks.diagnostics.redirect_uri import difference, place

States = Callable[..., dict[str, str]]


def test_a_good_provider_is_ok(idp: Any, states: States) -> None:
    found = states("oidc_discovery", hosts=[idp.host], oidc=idp.settings())
    assert found == dict.fromkeys(("shop.document", "shop.issuer", "shop.required", "shop.endpoints"), "ok")


@pytest.mark.parametrize("change", ["{}/", "{}.evil.test", "HTTPS://IDP.TEST"])
def test_an_issuer_that_is_not_exactly_the_known_one_is_bad(idp: Any, states: States, change: str) -> None:
    idp.document["issuer"] = change.format(idp.issuer)
    assert states("oidc_discovery", hosts=[idp.host], oidc=idp.settings())["shop.issuer"] == "bad"


def test_an_endpoint_that_moved_is_bad(idp: Any, states: States) -> None:
    settings = idp.settings()
    idp.document["token_endpoint"] = "https://elsewhere.test/token"
    found = states("oidc_discovery", hosts=[idp.host], oidc=settings)
    assert (found["shop.endpoints"], found["shop.required"]) == ("bad", "ok")


def test_an_endpoint_without_https_is_bad(idp: Any, states: States) -> None:
    idp.document["token_endpoint"] = "http://idp.test/token"
    assert states("oidc_discovery", hosts=[idp.host], oidc=idp.settings())["shop.required"] == "bad"


def test_without_known_good_endpoints_it_is_unknown_whether_they_moved(idp: Any, states: States) -> None:
    found = states("oidc_discovery", hosts=[idp.host], oidc=idp.settings(endpoints={}))
    assert found["shop.endpoints"] == "unknown"


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [(503, b"down", "bad"), (404, b"", "bad"), (200, b"<html>", "unknown"), (200, b"[]", "unknown"),
     (200, b"[" * 100_000, "unknown")],
)  # fmt: skip
def test_a_provider_that_answers_something_else(idp: Any, states: States, status: int, body: bytes, state: str) -> None:
    idp.status, idp.body = status, body
    assert states("oidc_discovery", hosts=[idp.host], oidc=idp.settings()) == {"shop.document": state}


def test_what_cannot_be_reached_is_unknown_and_never_ok(idp: Any, ports: Any, question: Any) -> None:
    for key in ("oidc_discovery", "jwks_comparison", "tls_expiry"):
        answer = asyncio.run(ask(key, question(), ports(hosts=[], oidc=idp.settings())))
        assert answer.state is State.UNKNOWN
        assert len(answer.missing) == len(answer.checks) > 0


@pytest.mark.parametrize("key", ["oidc_discovery", "jwks_comparison", "tls_expiry", "redirect_uri"])
def test_without_a_provider_nothing_is_known(states: States, key: str) -> None:
    assert states(key) == {key: "unknown"}


def test_an_answer_without_checks_is_unknown() -> None:
    assert Answer("any", ()).state is State.UNKNOWN


def keys(idp: Any, states: States, **about: Any) -> dict[str, str]:
    return states("jwks_comparison", about, hosts=[idp.host], oidc=idp.settings())


def test_verifiers_with_the_keys_of_the_origin_are_ok(idp: Any, states: States) -> None:
    assert set(keys(idp, states).values()) == {"ok"}


def test_a_verifier_that_lacks_the_new_key_needs_a_refresh(idp: Any, states: States) -> None:
    idp.rotate("k2")
    found = keys(idp, states, rejected_kids=frozenset({"k2"}))
    assert (found["shop.verifier.api"], found["shop.rejected.uncached"]) == ("bad", "bad")
    idp.held = {"keys": idp.keys}
    found = keys(idp, states, rejected_kids=frozenset({"k2"}))
    assert (found["shop.verifier.api"], found["shop.rejected.unexplained"]) == ("ok", "unknown")


def test_a_key_that_the_origin_dropped_too_early_needs_an_overlap(idp: Any, states: States) -> None:
    idp.rotate("k2", keep=0)
    idp.held = {"keys": [*idp.keys, *idp.held["keys"]]}
    found = keys(idp, states, rejected_kids=frozenset({"k1"}))
    assert (found["shop.verifier.api"], found["shop.rejected.dropped"]) == ("ok", "bad")


def test_random_key_ids_are_no_fault_of_the_keys(idp: Any, states: States) -> None:
    found = keys(idp, states, rejected_kids=frozenset({"x1", "x2"}))
    assert "bad" not in found.values()
    assert found["shop.rejected.nowhere"] == "unknown"


def test_one_key_id_for_another_key_is_bad(idp: Any, states: States) -> None:
    idp.rotate("k1", keep=0)
    assert keys(idp, states)["shop.verifier.api.material"] == "bad"


def test_what_verifiers_report_is_compared_too(idp: Any, states: States) -> None:
    idp.rotate("k2")
    found = keys(idp, states, cached_kids={"edge": frozenset({"k1"}), "core": frozenset({"k1", "k2"})})
    assert (found["shop.reported.edge"], found["shop.reported.core"]) == ("bad", "ok")


@pytest.mark.parametrize(
    ("headers", "state"),
    [
        ({"Cache-Control": "max-age=300", "Age": "299"}, "ok"), ({"Cache-Control": "max-age=300", "Age": "301"}, "bad"),
        ({}, "unknown"), ({"Cache-Control": "no-store"}, "unknown"),
        ({"Cache-Control": "max-age=300", "Age": "-1"}, "unknown"),
    ],
)  # fmt: skip
def test_a_cache_beyond_its_age_is_bad(idp: Any, states: States, headers: dict[str, str], state: str) -> None:
    idp.headers = headers
    assert keys(idp, states)["shop.origin.freshness"] == state


@pytest.mark.parametrize(
    "odd", [[], ["text"], [{"kty": "oct", "kid": "k1", "k": "c2VjcmV0"}], [{"kid": "k1"}], [{"kty": "EC", "kid": 7}]]
)
def test_a_key_set_without_a_usable_key_is_bad(idp: Any, states: States, odd: list[Any]) -> None:
    idp.keys = odd
    assert keys(idp, states)["shop.origin"] == "bad"


def test_a_verifier_that_shows_no_keys_is_unknown(idp: Any, states: States) -> None:
    idp.held = {"keys": "none"}
    assert keys(idp, states)["shop.verifier.api"] == "unknown"


def test_receipts_hold_hashes_and_no_url(idp: Any, ports: Any, question: Any) -> None:
    settings = idp.settings(verifiers={"api": f"{idp.issuer}/held?token=s3cret"})
    answer = asyncio.run(ask("jwks_comparison", question(), ports(hosts=[idp.host], oidc=settings)))
    assert answer.state is State.OK
    assert [receipt.asked for receipt in answer.receipts] == [
        f"key set of shop at {idp.host}", f"key set that api holds at {idp.host}",
    ]  # fmt: skip
    assert "s3cret" not in repr(answer)


REGISTERED = ["https://app.test/callback"]


@pytest.mark.parametrize(
    ("sent", "state"),
    [("https://app.test/callback", "ok"), ("https://app.test/callback/", "bad"), ("https://APP.test/callback", "bad"),
     ("http://app.test/callback", "bad"), ("https://app.test:443/callback", "bad"), ("https://[", "bad")],
)  # fmt: skip
def test_a_redirect_uri_matches_character_by_character(states: States, sent: str, state: str) -> None:
    oidc = {"shop": {"issuer": "https://idp.test", "redirect_uris": REGISTERED}}
    found = states("redirect_uri", {"redirect_uris": frozenset({sent})}, oidc=oidc)
    assert found == {"shop.registered": "ok", "shop.sent": state}


def hashed(uri: str) -> str:
    return hashlib.sha256(uri.encode()).hexdigest()


@pytest.mark.parametrize(
    ("sent", "state"),
    [({hashed(REGISTERED[0])}, "ok"), ({hashed(REGISTERED[0]).upper()}, "ok"), ({hashed("https://app.test/")}, "bad"),
     ({"c0ffee"}, "unknown"), ({hashed("https://app.test/"), "c0ffee"}, "bad")],
)  # fmt: skip
def test_events_may_send_the_hash_alone(states: States, sent: set[str], state: str) -> None:
    oidc = {"shop": {"issuer": "https://idp.test", "redirect_uris": REGISTERED}}
    found = states("redirect_uri", {"redirect_hashes": frozenset(sent)}, oidc=oidc)
    assert found == {"shop.registered": "ok", "shop.sent_hashes": state}


@given(st.text())
def test_what_is_told_of_a_redirect_uri_bears_no_secret(tail: str) -> None:
    uri = f"https://user:s3cret@app.test/callback?{tail}#token=s3cret"
    assert place(uri) == "https://app.test/callback"
    assert difference(uri, REGISTERED) == "host or port"


@pytest.mark.parametrize("loose", ["http://app.test/", "https://*.app.test/", "https://app.test/#x", "https:///x"])
def test_a_loose_registration_is_bad(states: States, loose: str) -> None:
    found = states("redirect_uri", oidc={"shop": {"issuer": "https://idp.test", "redirect_uris": [loose]}})
    assert found == {"shop.registered": "bad", "shop.sent": "unknown"}


@pytest.mark.parametrize(("days", "state"), [(90, "ok"), (14.5, "ok"), (13.5, "bad"), (-1, "bad")])
def test_a_certificate_that_ends_soon_is_bad(
    raw: Callable[..., int], tls: Any, states: States, days: float, state: str
) -> None:
    port = raw(lambda _: None, context=tls("raw.test", days=days))
    name = f"raw.test:{port}"
    assert states("tls_expiry", hosts=[name], oidc={"shop": {"issuer": f"https://{name}"}}) == {f"tls.{name}": state}


def test_one_url_that_leads_nowhere_hides_no_other(raw: Callable[..., int], states: States) -> None:
    name = f"raw.test:{raw(lambda _: None)}"
    oidc = {"shop": {"issuer": f"https://{name}", "verifiers": {"api": "http://api.test/keys"}}}
    assert states("tls_expiry", hosts=[name], oidc=oidc) == {f"tls.{name}": "ok", "tls.url_2": "unknown"}


def test_clocks_are_compared_with_the_database_and_the_provider(
    idp: Any, database: Database, ports: Any, question: Any
) -> None:
    def skews(clock: Any) -> dict[str, State]:
        made: Ports = ports(clock, database, hosts=[idp.host], oidc=idp.settings())
        return {c.name: c.state for c in asyncio.run(ask("clock_skew", question(), made)).checks}

    assert skews(SystemClock()) == {"clock.database": State.OK, "clock.shop": State.OK}
    for off in (-90, 90):
        clock = ManualClock(datetime.now(UTC) + timedelta(seconds=off))
        assert skews(clock) == {"clock.database": State.BAD, "clock.shop": State.BAD}
    idp.headers = {"Age": "90"}
    assert skews(ManualClock(datetime.now(UTC)))["clock.shop"] is State.BAD


def test_many_slow_probes_end_together(raw: Callable[..., int], states: States) -> None:
    port = raw(lambda connection: time.sleep(5))
    slow = {f"p{n}": {"issuer": f"https://raw.test:{port}"} for n in range(4)}
    begun = time.monotonic()
    found = states("clock_skew", hosts=[f"raw.test:{port}"], oidc=slow, timeout_seconds=0.4, total_seconds=0.6)
    assert found == {"clock_skew": "unknown"}
    assert time.monotonic() - begun < 3


def test_a_database_that_is_away_does_not_agree_with_us(states: States) -> None:
    assert states("clock_skew") == {"clock.database": "unknown", "providers": "unknown"}


def test_hostile_text_stays_short_and_printable(idp: Any, ports: Any, question: Callable[..., Question]) -> None:
    idp.body = json.dumps({**idp.document, "issuer": "\ud800\x1b[31m" * 5000}).encode()
    answer = asyncio.run(ask("oidc_discovery", question(), ports(hosts=[idp.host], oidc=idp.settings())))
    (said,) = (check.observed["issuer"] for check in answer.checks if check.name == "shop.issuer")
    assert isinstance(said, str)
    assert said.isascii()
    assert said.isprintable()
    assert len(said) <= 200
