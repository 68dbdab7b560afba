"""The shop alone: its login really works, its events really arrive, its flags really switch."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from deployments.demo.traffic.population import Population

Eventually = Callable[[Callable[[], bool]], None]
HOME = "198.18.7.7"
ATTACKER = "203.0.113.9"


def _log_in(shop: httpx.Client, name: str, password: str, ip: str = HOME, **form: str) -> httpx.Response:
    return shop.post(
        "/login",
        data={"name": name, "password": password, **form},
        headers={"X-Forwarded-For": ip, "User-Agent": "Mozilla/5.0"},
    )


def test_the_right_password_opens_a_session_and_writes_events(
    shop: httpx.Client, vendor: Any, population: Population, eventually: Eventually
) -> None:
    ada = population.customers[0]
    answer = _log_in(shop, ada.name, ada.password)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert ada.name in shop.get("/").text
    eventually(lambda: vendor.types() == ["login_succeeded", "session_created"])
    event = vendor.events[0]
    assert (event["user_id"], event["ip"], event["user_agent"]) == (ada.name, HOME, "Mozilla/5.0")
    assert event["session_id"] not in answer.headers["set-cookie"]


def test_logging_out_ends_the_session(shop: httpx.Client, population: Population) -> None:
    ada = population.customers[0]
    _log_in(shop, ada.name, ada.password)
    shop.post("/logout")
    assert shop.get("/").headers["location"] == "/login"


@pytest.mark.parametrize("known", [True, False], ids=["a wrong password", "a name nobody has"])
def test_a_failure_is_refused_and_written_down(
    shop: httpx.Client, vendor: Any, population: Population, eventually: Eventually, known: bool
) -> None:
    name = population.customers[0].name if known else "nobody@example.net"
    answer = _log_in(shop, name, "guess")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    eventually(lambda: vendor.types() == ["login_failed"])
    assert vendor.events[0]["user_id"] == name


def test_the_throttle_lets_the_burst_through_and_spares_everybody_else(
    shop: httpx.Client, vendor: Any, population: Population, eventually: Eventually
) -> None:
    vendor.flags["auth.ipThrottle.enabled"] = {"ips": [ATTACKER], "metadata": {"perMinute": 1, "burst": 2}}
    answers = [_log_in(shop, "nobody", "guess", ATTACKER) for _ in range(5)]
    assert [a.status_code for a in answers] == [401, 401, 429, 429, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    ada = population.customers[0]
    assert _log_in(shop, ada.name, ada.password).status_code == 303
    eventually(lambda: vendor.types().count("login_throttled") == 3)


def test_the_strict_limit_counts_each_address_by_itself(shop: httpx.Client, vendor: Any) -> None:
    vendor.flags["auth.rateLimit.strict"] = {"metadata": {"perMinute": 1, "burst": 1}}
    statuses = [_log_in(shop, "nobody", "guess", f"203.0.113.{n % 2}").status_code for n in range(4)]
    assert statuses == [401, 401, 429, 429]


def test_the_strict_limit_can_count_by_user(shop: httpx.Client, vendor: Any) -> None:
    vendor.flags["auth.rateLimit.strict"] = {"metadata": {"perMinute": 1, "burst": 1, "scope": "user"}}
    statuses = [_log_in(shop, f"user{n % 2}", "guess", f"203.0.113.{n}").status_code for n in range(4)]
    assert statuses == [401, 401, 429, 429]


def test_a_denied_address_is_told_so_and_written_down(shop: httpx.Client, vendor: Any, eventually: Eventually) -> None:
    vendor.flags["auth.ipDeny.enabled"] = {"ips": [ATTACKER]}
    assert _log_in(shop, "nobody", "guess", ATTACKER).status_code == 403
    assert _log_in(shop, "nobody", "guess").status_code == 401
    eventually(lambda: vendor.types() == ["login_blocked", "login_failed"])


def test_the_question_lets_people_in_once_and_scripts_never(
    shop: httpx.Client, vendor: Any, population: Population, eventually: Eventually
) -> None:
    vendor.flags["auth.captcha.required"] = {}
    ada = population.customers[0]
    asked = _log_in(shop, ada.name, ada.password)
    assert asked.status_code == 428
    a, b = (int(n) for n in re.search(r"data-question>(\d+) \+ (\d+)", asked.text).groups())  # type: ignore[union-attr]
    token = re.search(r'captcha_token" value="([^"]+)', asked.text)[1]  # type: ignore[index]
    answered = {"captcha_token": token, "captcha_answer": str(a + b)}
    assert _log_in(shop, ada.name, ada.password, **{**answered, "captcha_answer": "0"}).status_code == 428
    assert _log_in(shop, ada.name, ada.password, **answered).status_code == 303
    assert _log_in(shop, ada.name, ada.password, **answered).status_code == 428
    eventually(lambda: vendor.types().count("captcha_shown") == 3 and "captcha_passed" in vendor.types())


def test_a_flag_switched_off_again_lets_go_within_the_cache_time(
    shop: httpx.Client, vendor: Any, eventually: Eventually
) -> None:
    vendor.flags["auth.ipDeny.enabled"] = {"ips": [ATTACKER]}
    assert _log_in(shop, "nobody", "guess", ATTACKER).status_code == 403
    vendor.flags.clear()
    eventually(lambda: _log_in(shop, "nobody", "guess", ATTACKER).status_code == 401)


def test_an_outage_of_the_vendor_fails_open_and_loses_no_event(
    shop: httpx.Client, vendor: Any, population: Population, eventually: Eventually
) -> None:
    vendor.down = True
    for person in population.customers[:5]:
        assert _log_in(shop, person.name, person.password).status_code == 303
    assert vendor.events == []
    vendor.down = False
    eventually(lambda: vendor.types().count("login_succeeded") == 5)
    assert len({event["id"] for event in vendor.events}) == len(vendor.events) == 10


def test_events_outlive_a_restart_of_the_shop(
    start_shop: Callable[..., Any], vendor: Any, population: Population, eventually: Eventually
) -> None:
    ada = population.customers[0]
    vendor.down = True
    with start_shop() as client:
        _log_in(client, ada.name, ada.password)
    vendor.down = False
    with start_shop():
        eventually(lambda: vendor.types() == ["login_succeeded", "session_created"])


def test_with_its_flags_unplugged_nothing_is_throttled_or_asked(start_shop: Callable[..., Any], vendor: Any) -> None:
    vendor.flags["auth.ipDeny.enabled"] = {}
    with start_shop(ignore_flags=True) as client:
        assert _log_in(client, "nobody", "guess", ATTACKER).status_code == 401
    assert vendor.evaluations == 0


def test_an_untrusted_peer_cannot_choose_its_address(
    start_shop: Callable[..., Any], vendor: Any, eventually: Eventually
) -> None:
    with start_shop(trusted_proxies=("10.9.9.9",)) as client:
        _log_in(client, "nobody", "guess", ATTACKER)
        eventually(lambda: [e["ip"] for e in vendor.events] == ["127.0.0.1"])


def test_only_the_hop_the_trusted_proxy_wrote_is_believed(
    shop: httpx.Client, vendor: Any, eventually: Eventually
) -> None:
    _log_in(shop, "nobody", "guess", f"6.6.6.6, {ATTACKER}")
    eventually(lambda: [e["ip"] for e in vendor.events] == [ATTACKER])


def test_the_page_shows_a_form_and_escapes_what_was_typed(shop: httpx.Client) -> None:
    assert 'name="password"' in shop.get("/login").text
    assert "<script>" not in _log_in(shop, "<script>alert(1)</script>", "x").text
