"""Signing in by an identity provider that really runs here: code flow with PKCE, and everything that may be forged."""

import base64
from collections.abc import Callable
from datetime import timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey, OctKey
from pydantic import SecretStr

from spine.ids import TenantId
from spine.person import PersonRef, Role
from store import people
from store.secrets import Vault

HOME, SESSION = "/admin/auth-ops", "/api/ops/session"
START, BACK = f"{HOME}/sign-in/oidc", f"{HOME}/sign-in/oidc/back"


def _idp() -> Any:
    spec = spec_from_file_location("signin_idp", Path(__file__).with_name("idp.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


doubles = _idp()


@pytest.fixture
def idp(site: Any, serve: Callable[[Any], str]) -> Any:
    made = doubles.Idp()
    made.issuer = serve(made.app)
    oidc = site.settings.signin.oidc
    oidc.issuer, oidc.client_id, oidc.client_secret = made.issuer, "ops", SecretStr("s3cret")
    oidc.name, oidc.audience, oidc.keys_pause_seconds = "Example", "ops-api", 0
    return made


def follow(browser: Any, start: str = START) -> Any:
    """What the site answers when the browser comes back from the provider."""
    there = browser.get(start)
    assert there.status_code == 303, there.text
    back = browser.get(there.headers["location"])
    assert back.status_code == 302, back.text
    return browser.get(back.headers["location"])


def program(site: Any, token: str) -> Any:
    return site.browser(headers={"Authorization": f"Bearer {token}"})


def test_the_providers_word_signs_in_and_the_subject_is_remembered(site: Any, idp: Any) -> None:
    ann, browser = site.person(), site.browser()
    page = browser.get(f"{HOME}/sign-in", params={"next": f"{HOME}/flags"})
    assert "Sign in with Example" in page.text
    asked = urlsplit(browser.get(START, params={"next": f"{HOME}/flags"}).headers["location"])
    query = parse_qs(asked.query)
    assert {"state", "nonce", "code_challenge"} <= set(query)
    assert "ops-api" not in asked.query
    done = follow(browser, f"{START}?next={HOME}/flags")
    assert (done.status_code, done.headers["location"]) == (303, f"{HOME}/flags")
    told = browser.get(SESSION).json()
    assert (told["person"]["email"], told["method"], told["stepped_up_at"]) == ("ann@example.org", "oidc", None)
    idp.claims["email"] = "somebody.else@example.org"
    assert follow(site.browser()).status_code == 303, "known by subject now"
    with site.database.system() as connection:
        assert people.accounts(connection, ann.id) == [PersonRef.by_oidc(idp.issuer, "s-1")]


def test_a_second_factor_shown_there_counts_here_while_it_is_fresh(site: Any, idp: Any) -> None:
    site.person()
    now = int(site.clock.now().timestamp())
    for lies, counts in (
        ({"amr": ["pwd", "mfa"], "auth_time": now}, True),
        ({"acr": "urn:ops:acr:mfa", "auth_time": now - 60}, True),
        ({"amr": ["mfa"], "auth_time": now - 3600}, False),
        ({"amr": ["pwd"], "auth_time": now}, False),
        ({"amr": ["swk"], "auth_time": now}, False),  # a kind of key: nobody says that there were two factors
        ({"amr": ["mfa"]}, False),
        ({"amr": "mfa", "auth_time": True}, False),
    ):
        idp.lies, browser = lies, site.browser()
        assert follow(browser).status_code == 303
        assert (browser.get(SESSION).json()["stepped_up_at"] is not None) is counts, lies


@pytest.mark.parametrize(
    ("claims", "lies"),
    [
        ({"email_verified": False}, {}),
        ({"email_verified": "true"}, {}),
        ({"email": "nobody@example.org"}, {}),
        ({"email": None}, {}),
        ({"email": "off@example.org"}, {}),
        ({}, {"nonce": "another"}),
        ({}, {"nonce": None}),
        ({}, {"aud": "another"}),
        ({}, {"aud": ["ops", "another"], "azp": "another"}),
        ({}, {"aud": ["ops", "another"]}),
        ({}, {"iss": "https://another.example"}),
        ({}, {"exp": 1}),
        ({}, {"exp": None}),
        ({}, {"iat": 4_000_000_000}),
        ({}, {"sub": None}),
        ({}, {"nbf": 4_000_000_000}),
    ],
)  # fmt: skip
def test_what_the_provider_does_not_clearly_say_signs_nobody_in(
    site: Any, idp: Any, claims: dict[str, Any], lies: dict[str, Any]
) -> None:
    site.person()
    site.person("off")
    with site.database.system() as connection:
        people.disable(connection, "off@example.org", actor="test", now=site.clock.now())
    idp.claims |= claims
    idp.lies, browser = lies, site.browser()
    answer = follow(browser)
    assert answer.status_code == 401
    assert "was not accepted" in answer.text
    assert browser.get(SESSION).status_code == 401


def test_who_gets_a_former_colleagues_address_does_not_become_them(site: Any, idp: Any) -> None:
    site.person()
    assert follow(site.browser()).status_code == 303
    idp.claims["sub"] = "s-2"
    assert follow(site.browser()).status_code == 401


def test_an_answer_is_taken_once_and_only_from_the_browser_that_asked(site: Any, idp: Any) -> None:
    site.person()
    browser, thief = site.browser(), site.browser()
    back = browser.get(browser.get(START).headers["location"]).headers["location"]
    assert thief.get(back).status_code == 401, "another browser"
    thief.get(START)
    assert thief.get(back).status_code == 401, "another browser that has begun as well"
    assert browser.get(back.replace("state=", "state=x")).status_code == 401
    other = site.browser()
    back = other.get(other.get(START).headers["location"]).headers["location"]
    assert other.get(back).status_code == 303
    assert site.browser(cookies=dict(other.cookies)).get(back).status_code == 401, "replayed"
    late = site.browser()
    back = late.get(late.get(START).headers["location"]).headers["location"]
    site.clock.advance(timedelta(minutes=11))
    assert late.get(back).status_code == 401, "too late"
    assert site.browser().get(BACK, params={"error": "access_denied", "state": "x"}).status_code == 401


@pytest.mark.parametrize("answer", [{"id_token": None}, {"id_token": "no.token.atall"}, {"id_token": 7}])
def test_a_provider_that_answers_nonsense_signs_nobody_in(site: Any, idp: Any, answer: dict[str, Any]) -> None:
    site.person()
    idp.answer = answer
    assert follow(site.browser()).status_code == 401


def test_a_provider_that_is_away_is_said_to_be_and_other_ways_stay_open(site: Any, idp: Any) -> None:
    site.settings.signin.oidc.issuer = "http://127.0.0.1:9"
    away = site.browser().get(START)
    assert away.status_code == 503
    assert "identity provider cannot be used now" in away.text
    assert site.signed_in(site.person()).get(SESSION).status_code == 200


def test_a_persons_token_opens_the_api_with_the_roles_they_have(site: Any, idp: Any) -> None:
    ann = site.person()
    answer = program(site, idp.token()).get("/api/ops/incidents")
    assert answer.status_code == 200, answer.text
    refused = program(site, idp.token()).get("/api/ops/keys")
    assert refused.status_code == 403, "a responder"
    with site.database.system() as connection:
        people.disable(connection, ann.email, actor="test", now=site.clock.now())
    assert program(site, idp.token()).get("/api/ops/incidents").status_code == 401, "at once"


def test_keys_that_change_are_followed_and_old_ones_end(site: Any, idp: Any) -> None:
    site.person()
    old = idp.token()
    assert program(site, old).get("/api/ops/incidents").status_code == 200
    idp.rotate("k2", "RSA")
    assert program(site, idp.token()).get("/api/ops/incidents").status_code == 200
    assert program(site, old).get("/api/ops/incidents").status_code == 401
    site.settings.signin.oidc.keys_pause_seconds = 60
    before = idp.key_requests
    for number in range(5):
        made_up = ECKey.generate_key("P-256", {"kid": f"x{number}"})
        assert program(site, idp.token(made_up)).get("/api/ops/incidents").status_code == 401
    assert idp.key_requests == before, "made-up key ids do not make us ask"


def test_tokens_that_do_not_hold_are_refused_alike(site: Any, idp: Any) -> None:
    site.person()
    idp.rotate("k1", "RSA")
    good, stranger = idp.token(), ECKey.generate_key("P-256", {"kid": "k1"})
    pem = idp.keys[0].as_pem(private=False)
    signed = good.split(".")
    flipped = ("A" if signed[2][0] != "A" else "B") + signed[2][1:]
    bad = {
        "none": doubles.unsigned(good),
        "none, spelt otherwise": doubles.unsigned(good).replace(
            doubles.unsigned(good).split(".")[0], base64.urlsafe_b64encode(b'{"alg":"nOnE"}').decode().rstrip("=")
        ),
        "public key as a secret": doubles.confused(good, pem, "k1"),
        "another key of this name": idp.token(stranger),
        "a shared secret": idp.token(OctKey.generate_key(256, {"kid": "k1"}), {"alg": "HS256"}),
        "another audience": idp.token(aud="another"),
        "the sign-in's audience": idp.token(aud="ops"),
        "no audience": idp.token(aud=None),
        "another issuer": idp.token(iss="https://another.example"),
        "expired": idp.token(exp=1),
        "without end": idp.token(exp=None),
        "not yet": idp.token(nbf=4_000_000_000),
        "from the future": idp.token(iat=4_000_000_000),
        "another type": idp.token(header={"typ": "logout+jwt"}),
        "a key of its own": idp.token(header={"jwk": idp.keys[0].as_dict(private=False), "kid": "nobody"}),
        "signature changed": ".".join([*signed[:2], flipped]),
        "claims changed": ".".join([signed[0], signed[1][:-2] + "AA", signed[2]]),
        "no signature": ".".join([*signed[:2], ""]),
        "nobody": idp.token(sub="s-9", email="nobody@example.org"),
        "garbage": "ey.ey.ey",
    }
    answers = {}
    for name, token in bad.items():
        answer = program(site, token).get("/api/ops/incidents")
        assert answer.status_code == 401, name
        answers[name] = answer.json() | {"instance": ""}
    assert len({str(told) for told in answers.values()}) == 1, "which flaw it is, is for the record"
    assert program(site, good).get("/api/ops/incidents").status_code == 200


def test_the_tenant_of_a_token_is_one_its_person_has_a_role_in(site: Any, idp: Any) -> None:
    site.person(tenant="acme")
    with site.database.system() as connection:
        more = [(TenantId("globex"), Role.SECURITY_ADMIN)]
        people.add(connection, "ann@example.org", "Ann", more, vault=Vault.of(site.settings), actor="t",
                   now=site.clock.now())  # fmt: skip
    site.settings.signin.oidc.tenant_claim = "org"
    assert program(site, idp.token()).get("/api/ops/keys").status_code == 403, "acme comes first, there a responder"
    assert program(site, idp.token(org="globex")).get("/api/ops/keys").status_code == 200
    for elsewhere in ("initech", "*", "", 7, ["globex"]):
        assert program(site, idp.token(org=elsewhere)).get("/api/ops/keys").status_code == 401, elsewhere


def test_a_token_steps_up_by_what_the_provider_says(site: Any, idp: Any) -> None:
    from gateway.identity.oidc import second_factor_at

    now = int(site.clock.now().timestamp())
    settings = site.settings.signin.oidc
    assert second_factor_at({"acr": "urn:ops:acr:mfa", "auth_time": now}, settings) == site.clock.now()
    for claims in ({}, {"auth_time": now}, {"acr": "urn:ops:acr:mfa", "auth_time": 1e300}, {"amr": ["mfa", 7]}):
        assert second_factor_at(claims, settings) is None


def test_where_no_provider_is_set_up_tokens_and_its_pages_are_refused(site: Any) -> None:
    site.person()
    stranger = doubles.Idp()
    stranger.issuer = "http://127.0.0.1:1"
    assert program(site, stranger.token()).get("/api/ops/incidents").status_code == 401
    assert site.browser().get(START).status_code == 404
    assert "organisation" not in site.browser().get(f"{HOME}/sign-in").text
