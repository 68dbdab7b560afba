"""What is good once is good once when it is shown many times at the same moment, too."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text

from spine.person import PersonRef, Role
from store import account_link, recovery

HOME = "/admin/auth-ops"
SESSION = "/api/ops/session"
_TIMES = 6


def _at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """The answers of all calls, begun together."""
    gate = Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Any:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


@pytest.fixture
def ann(site: Any) -> Any:
    """Somebody whose tries are not counted."""
    site.settings.signin.rate.account_burst = site.settings.signin.rate.stepup_burst = 100
    return site.person()


def _codes(site: Any, person: Any) -> list[str]:
    with site.database.system() as connection:
        return recovery.renew(connection, person.id, _TIMES)


def _asking(site: Any, path: str, body: dict[str, Any]) -> Callable[[], Any]:
    browser = site.browser()
    return lambda: browser.post(path, json=body)


def test_one_link_signs_one_browser_in(site: Any, ann: Any) -> None:
    token, codes = site.link(ann), _codes(site, ann)
    answers = _at_once([_asking(site, f"{SESSION}/link", {"token": token, "recovery_code": code}) for code in codes])
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: _TIMES - 1}
    with site.database.system() as connection:
        assert recovery.left(connection, ann.id) == _TIMES - 1, "the others' codes are not used up"


def test_one_recovery_code_signs_one_browser_in(site: Any, ann: Any) -> None:
    body = {"email": ann.email, "recovery_code": _codes(site, ann)[2], "code": site.code(ann)}
    answers = _at_once([_asking(site, f"{SESSION}/recovery", body) for _ in range(_TIMES)])
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: _TIMES - 1}


def test_one_code_steps_one_session_up(site: Any, ann: Any) -> None:
    browsers = [site.signed_in(ann) for _ in range(4)]
    code = site.code(ann)
    answers = _at_once([lambda b=b: b.post(f"{SESSION}/step-up", json={"code": code}) for b in browsers])
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 3}


def test_one_account_becomes_one_person_s(site: Any, ann: Any) -> None:
    bob, slack = site.person("bob", Role.VIEWER), PersonRef.by_slack("T1", "U1")
    with site.database.system() as connection:
        tokens = [account_link.issue(connection, slack, site.clock.now(), settings=site.settings) for _ in range(2)]
    signed_in = [site.signed_in(ann), site.signed_in(bob)]
    answers = _at_once([
        lambda b=browser, t=token: b.post(account_link.PATH, data={"link": t, "csrf": b.csrf})
        for browser, token in zip(signed_in, tokens, strict=True)
    ])  # fmt: skip
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    told = [answer.headers.get("location", "") for answer in answers]
    with site.database.system() as connection:
        (owner,) = connection.execute(text("select person_id from person_accounts")).scalars()
    assert owner == (ann if "linked" in told[0] else bob).id, "who was told so has it"


def test_one_request_makes_one_key(site: Any) -> None:
    cho = site.signed_in(site.person("cho", Role.SECURITY_ADMIN))
    asked, once = {"name": "shop", "scopes": ["flags:read"]}, {"Idempotency-Key": "k"}
    answers = _at_once([lambda: cho.post("/api/ops/keys", json=asked, headers=once) for _ in range(_TIMES)])
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert sum(bool(answer.json().get("secret")) for answer in answers) == 1, "and tells its secret once"
    with site.database.system() as connection:
        assert connection.execute(text("select count(*) from api_keys where name = 'shop'")).scalar_one() == 1
