"""Redaction: planted secrets never survive, harmless things do, and what comes out is bounded JSON."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from spine.redact import HIDDEN, MAX_DEPTH, MAX_ITEMS, MAX_TEXT, redact, redact_text
from spine.secret import is_card, names_secret

_ALNUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def letters(count: int, alphabet: str = _ALNUM) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=count, max_size=count)


SECRETS = st.one_of(
    st.builds("eyJ{}.eyJ{}.{}".format, letters(20), letters(30), letters(43)),
    st.builds("AKIA{}".format, letters(16, _UPPER)),
    st.builds("AIza{}".format, letters(35)),
    st.builds("ya29.{}".format, letters(40)),
    st.builds("xoxb-{}-{}".format, letters(11, "0123456789"), letters(24)),
    st.builds("xapp-1-{}".format, letters(30)),
    st.builds("https://hooks.slack.com/services/T0/B0/{}".format, letters(24)),
    st.builds("ghp_{}".format, letters(36)),
    st.builds("github_pat_{}".format, letters(40)),
    st.builds("sk_live_{}".format, letters(24)),
    st.builds("whsec_{}".format, letters(32)),
    st.builds("ops_{}".format, letters(43)),
    st.builds("-----BEGIN EC PRIVATE KEY-----\n{}\n{}\n-----END EC PRIVATE KEY-----".format, letters(64), letters(20)),
    st.builds("otpauth://totp/App:me?secret={}&issuer=App".format, letters(32, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
)
"""Secrets known by their look, wherever they stand."""
_SOFT = st.text(_ALNUM, min_size=6, max_size=30).map("Zq9".__add__)
"""Secrets without a look of their own (marked, so that none is a word that stands there anyway)."""
_KEY_NAMES = """password Password user_password dbPassword passwd pwd secret clientSecret client_secret api_key apiKey
    X-Api-Key x-api-key APIKey access_token accessToken refresh_token id_token token auth Authorization
    proxy-authorization cookie Set-Cookie session user_session sessionid session_id PHPSESSID csrf_token XSRF-TOKEN
    _csrf x_csrftoken credentials mysql_pwd private_key privatekey aws_secret_access_key otp totp totp_code mfa_code
    recovery_code signature connect.sid aiohttp_session symfony stripe_token card_number cvv pin"""
_KEYS = st.sampled_from(_KEY_NAMES.split())
_CARRIERS: list[Any] = [
    lambda key, secret: {key: secret},
    lambda key, secret: {"deep": [{"er": ({key: [secret]},)}]},
    lambda key, secret: {key: {"nested": secret, "bytes": secret.encode()}},
    lambda key, secret: f"request failed: {key}={secret}",
    lambda key, secret: f"{key}: {secret}\nnext line",
    lambda key, secret: json.dumps({"user": "u", key: secret}),
    lambda key, secret: json.dumps({"body": json.dumps({key: secret})}),
    lambda key, secret: ValueError(str({key: secret})),
    lambda key, secret: f"https://example.org/cb?x=1&{key}={secret}&y=2",
]


def shown(value: object) -> str:
    return json.dumps(redact(value), ensure_ascii=False)


def nested(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    grown = st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3), st.tuples(inner)
        ),
        max_leaves=8,
    )
    return grown


@given(st.data())
def test_a_planted_secret_never_survives_however_it_is_wrapped(data: st.DataObject) -> None:
    secret = data.draw(SECRETS)
    # within words a secret may run on into what follows: separators stand around it, as in any log
    around = st.text(st.characters(exclude_categories=["L", "N", "Pc", "Cs"]), max_size=10)
    text = data.draw(around) + secret + data.draw(around)
    leaf = st.sampled_from([text, text.encode(), RuntimeError(text), {text: 1}, {"a": {1: text}}])
    body = max(secret.replace("\n", " ").replace("/", " ").split(), key=len)
    assert body[-20:] not in shown(data.draw(nested(leaf)))


@given(_KEYS, _SOFT, st.sampled_from(_CARRIERS))
def test_what_stands_under_a_secret_name_never_survives(key: str, secret: str, carrier: Any) -> None:
    if carrier in _CARRIERS[3:] and not _in_text(key):
        return
    assert secret not in shown(carrier(key, secret))


def _in_text(key: str) -> bool:
    """Names too ordinary to be hunted in running text (`session: closed`), hidden as keys only."""
    ordinary = ("auth", "session", "pin", "connect.sid", "symfony", "signature")
    return not any(key.lower().strip("_").endswith(word) for word in ordinary) or key.lower() == "authorization"


@given(st.text(_ALNUM, min_size=8), st.text(_ALNUM + "@:", min_size=6).map("Zq9".__add__))
def test_credentials_in_a_url_never_survive(user: str, password: str) -> None:
    assert password not in shown(f"cannot connect to postgresql://{user}:{password}@db.example.org:5432/app")


@given(st.integers(10**12, 10**18 - 1), st.sampled_from(["", " ", "-"]))
def test_a_card_number_never_survives_as_text_or_number(stem: int, separator: str) -> None:
    stem = int("4" + str(stem)[1:])
    number = next(n for n in range(stem * 10, stem * 10 + 10) if is_card(str(n)))
    grouped = separator.join(str(number)[i : i + 4] for i in range(0, len(str(number)), 4))
    assert shown({"a": number, "b": f"paid with {grouped}."}) == shown(
        {"a": "[redacted card]", "b": "paid with [redacted card]."}
    )


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Bearer abc.def-ghi",
        "authorization=Basic dXNlcjpwYXNz",
        "Cookie: a=hunter2; b=hunter3",
        "bearer hunter2hunter2",
        "Basic dXNlcjpodW50ZXIy",
        "curl --password hunter2hunter2 x",
        "{'Authorization': 'Token hunter2'}",
    ],
)
def test_headers_and_arguments_are_hidden(header: str) -> None:
    assert not any(word in shown(header) for word in ("hunter", "dXNlcjp", "abc.def"))


@pytest.mark.parametrize(
    "value",
    [
        {"plan_hash": "9f86d081884c7d65", "actor": "person:ana@example.org"},
        {"ip": "203.0.113.7", "country": "DE", "user_agent": "Mozilla/5.0 (X11; Linux x86_64)"},
        {"token_ttl_minutes": 15, "password_reset_requested": 30, "token_reject_ratio": 0.2, "password_changed": True},
        {"auth_ops": 1, "session_age": 3, "keyboard": "de", "monkey": "x", "passenger": "y", "tokenizer": None},
        "the basic check passed: 4 of 4",
        "approval 018f2c3e-7b1a-7cc0-8000-123456789012 at 2026-03-01T12:00:00+00:00, 1767225600123 ms",
        {"code": "approval.decided", "flag": "auth.passwordReset.disabled", "version": 3},
    ],
)
def test_harmless_things_stay_as_they_are(value: Any) -> None:
    assert redact(value) == value


@given(nested(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.datetimes())))
def test_whatever_goes_in_canonical_json_comes_out_and_stays(value: Any) -> None:
    clean = redact(value)
    rfc8785.dumps(clean)
    assert redact(clean) == clean


class _Colour(StrEnum):
    RED = "red"


@dataclass
class _Login:
    user: str
    password: str


class _Model(BaseModel):
    api_key: str
    port: int


def test_every_kind_of_value_has_a_plain_form() -> None:
    value = {
        "when": datetime(2026, 3, 1, tzinfo=UTC), "long": timedelta(minutes=1), "id": UUID(int=1), "enum": _Colour.RED,
        "set": {2, 1}, "class": _Login("u", "p"), "model": _Model(api_key="k", port=1), "nan": math.nan, "big": 2**60,
        "type": _Login, _Colour.RED: 1,
    }  # fmt: skip
    assert redact(value) == {
        "when": "2026-03-01T00:00:00+00:00", "long": 60.0, "id": str(UUID(int=1)), "enum": "red", "set": [1, 2],
        "class": {"user": "u", "password": HIDDEN}, "model": {"api_key": HIDDEN, "port": 1}, "nan": "nan",
        "big": str(2**60), "type": str(_Login), "red": 1,
    }  # fmt: skip


def test_an_exception_tells_its_causes_without_their_secrets() -> None:
    try:
        try:
            raise KeyError("password=hunter2")
        except KeyError as cause:
            raise RuntimeError("cannot log in with Bearer hunter2hunter2") from cause
    except RuntimeError as error:
        clean = redact(error)
    assert clean == {
        "error": "RuntimeError",
        "message": "cannot log in with Bearer [redacted bearer]",
        "cause": {"error": "KeyError", "message": "'password=[redacted value]"},
    }


def test_size_is_bounded_in_every_direction() -> None:
    deep: Any = "x"
    for _ in range(MAX_DEPTH * 3):
        deep = [deep]
    assert "too deep" in shown(deep)
    assert len(redact_text("x" * 10**6)) < MAX_TEXT + 50
    assert len(redact(list(range(MAX_ITEMS * 2)))) == MAX_ITEMS + 1
    assert len(redact({str(n): n for n in range(MAX_ITEMS * 2)})) == MAX_ITEMS + 1
    assert len(shown([[["x"] * 100] * 100] * 100)) < 10**6


def test_a_value_that_contains_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert "too deep" in shown(loop)


def test_a_secret_across_the_length_limit_leaves_nothing_behind() -> None:
    text = "x" * (MAX_TEXT - 10) + " ghp_" + "a" * 40
    assert "aaaa" not in redact_text(text)


def test_control_characters_and_lone_surrogates_are_storable() -> None:
    assert redact("a\x00b\ud800c") == "a\ufffdb?c"


@pytest.mark.parametrize("name", ["password", "apiKey", "API_KEY", "x-api-key", "userPassword", "dbpassword", "TOTP"])
def test_secret_names_are_known_in_every_spelling(name: str) -> None:
    assert names_secret(name)
