"""Calls to identity providers keep their bounds, whatever the other side does."""

import pytest
from identity_double import once
from pydantic import SecretStr, ValidationError

from spine.errors import Broken, Refused, Transient
from spine.ids import TenantId
from spine.settings import Settings
from spine.settings.identity import IdentityProviderSettings, IdentitySettings
from tasks.identity.api import segment
from tasks.identity.provider import opened

TENANT = TenantId("acme")


def settings(double, **limits) -> Settings:
    known = IdentityProviderSettings(**double.settings())
    return Settings(env="prod", identity=IdentitySettings(providers={"main": known}, **limits))


def find(double, name: str = "ada", **limits):
    with opened(settings(double, **limits), TENANT, key="k") as provider:
        return provider.find(name)


def test_users_are_found_and_others_are_not(vendor) -> None:
    vendor.add("ada")
    assert find(vendor).email == "ada@example.org"
    assert find(vendor, "nobody") is None


def test_okta_completes_short_names_and_they_are_not_meant(start) -> None:
    double = start("okta")
    double.add("00u1", profile={"login": "ada@example.org", "email": "ada@example.org"})
    double.users["ada"] = double.users["00u1"]
    assert find(double, "ada@example.org").id == "00u1"
    assert find(double, "ada") is None


def test_a_redirect_is_not_followed(start) -> None:
    double = start("okta")
    double.mishap = lambda method, path: (302, None, {"location": "http://127.0.0.1:1/"})
    with pytest.raises(Broken, match="redirects"):
        find(double)
    assert len(double.log) == 1


def test_a_long_answer_is_refused(start) -> None:
    double = start("okta")
    double.mishap = lambda method, path: (200, b"x" * 5000, {})
    with pytest.raises(Transient, match="more than 1000 bytes"):
        find(double, max_body_bytes=1000)


def test_what_is_no_json_is_told(start) -> None:
    double = start("okta")
    double.mishap = lambda method, path: (200, b"<html>", {})
    with pytest.raises(Transient, match="no JSON"):
        find(double)


def test_nobody_there_is_told() -> None:
    known = IdentityProviderSettings(kind="okta", url="http://127.0.0.1:9", token="t")
    told = Settings(env="prod", identity=IdentitySettings(providers={"main": known}))
    with pytest.raises(Transient, match="cannot be reached"), opened(told, TENANT, key="k") as provider:
        provider.find("ada")


def test_an_old_token_is_renewed_once(start) -> None:
    double = start("auth0")
    double.add("ada")
    double.mishap = once((401, {}, {}), "GET", "/users")
    assert find(double) is not None
    assert [path for _, path in double.log].count("/oauth/token") == 2


@pytest.mark.parametrize("kind", ["keycloak", "auth0"])
def test_a_wrong_client_secret_is_told_with_where_it_stands(kind: str, start) -> None:
    double = start(kind)
    told = settings(double)
    told.identity.providers["main"].client_secret = SecretStr("wrong")
    with (
        pytest.raises(Broken, match="OPSSPINE_IDENTITY__PROVIDERS") as failed,
        opened(told, TENANT, key="k") as provider,
    ):
        provider.find("ada")
    assert "wrong" not in str(failed.value)


def test_names_stay_within_their_segment(start) -> None:
    double = start("okta")
    double.add("a/../b")
    assert find(double, "a/../b").id == "a/../b"
    assert double.log[-1] == ("GET", "/api/v1/users/a/../b")
    for name in ("", ".", ".."):
        with pytest.raises(Refused):
            segment(name)


def test_two_users_of_one_name_are_nobody(start) -> None:
    double = start("keycloak")
    double.add("ada")
    double.users["id-2"] = {**double.user("ada"), "id": "id-2"}
    with pytest.raises(Refused, match="several users"):
        find(double)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"kind": "okta", "url": "http://example.okta.com", "token": "t"}, "https, except on loopback"),
        ({"kind": "okta", "url": "https://u:p@example.okta.com", "token": "t"}, "without user"),
        ({"kind": "okta", "url": "https://example.okta.com"}, "needs token"),
        ({"kind": "keycloak", "url": "https://id.example.org", "realm": "a"}, "needs client_id, client_secret"),
        ({"kind": "webhook", "url": "https://app.example.org/hook"}, "needs secret"),
    ],
)
def test_settings_that_cannot_work_stop_the_start(said, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        IdentityProviderSettings(**said)


def test_a_tenant_cannot_name_what_is_not_there() -> None:
    with pytest.raises(ValidationError, match="not configured: typo"):
        IdentitySettings(tenants={"acme": "typo"})


def test_settings_come_from_the_environment_value_by_value(monkeypatch) -> None:
    for name, value in (("KIND", "okta"), ("URL", "https://example.okta.com/"), ("TOKEN", "s3cret")):
        monkeypatch.setenv(f"OPSSPINE_IDENTITY__PROVIDERS__MAIN__{name}", value)
    known = Settings().identity.providers["main"]
    assert (known.kind, known.url) == ("okta", "https://example.okta.com")
    assert "s3cret" not in repr(known)
