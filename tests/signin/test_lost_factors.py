"""What is lost opens nothing: not after a link for who has lost everything, not after somebody was disabled."""

import re
from typing import Any

from sqlalchemy import text

from spine import totp
from spine.person import Person, Role
from store import passkeys, people, recovery
from store.passkeys import Passkey
from store.secrets import Vault

HOME = "/admin/auth-ops"
SESSION = "/api/ops/session"


def _with_everything(site: Any) -> tuple[Person, Any, list[str]]:
    """Somebody with a passkey, a session and recovery codes."""
    ann = site.person()
    browser = site.signed_in(ann)
    with site.database.system() as connection:
        made = Passkey(id=b"k", person_id=ann.id, name="laptop", public_key=b"p", sign_count=0, synced=False,
                       created_at=site.clock.now())  # fmt: skip
        assert passkeys.add(connection, made, ann)
        codes = recovery.renew(connection, ann.id, 3)
    return ann, browser, codes


def _left(site: Any) -> tuple[int, int]:
    with site.database.system() as connection:
        row = connection.execute(
            text(
                "select (select count(*) from passkeys) as keys,"
                " (select count(*) from sessions where ended_at is null) as sessions"
            )
        ).one()
    return row.keys, row.sessions


def test_a_link_that_enrols_ends_all_that_was_before(site: Any) -> None:
    ann, thief, codes = _with_everything(site)
    browser = site.browser()
    page = browser.get(f"{HOME}/sign-in/link", params={"token": site.link(ann, enrols=True)})
    secret = re.search(r'<code class="wrap">([A-Z2-7]{32})</code>', page.text)
    assert secret is not None
    assert thief.get(SESSION).status_code == 200, "looking at the link ends nothing"
    done = browser.send_form(page.text, f"{HOME}/sign-in/link", code=totp.code_at(secret[1], site.clock.now()))
    assert done.status_code == 200
    assert thief.get(SESSION).status_code == 401
    assert _left(site) == (0, 1)
    site.secrets[ann.email] = secret[1]
    old = {"email": ann.email, "recovery_code": codes[0], "code": site.code(ann)}
    assert site.browser().post(f"{SESSION}/recovery", json=old).status_code == 401
    assert browser.get(SESSION).json()["recovery_codes_left"] == 10


def test_who_comes_back_after_being_disabled_comes_back_with_nothing(site: Any) -> None:
    ann, browser, codes = _with_everything(site)
    with site.database.system() as connection:
        people.disable(connection, ann.email, actor="test", now=site.clock.now())
        _, secret = people.add(
            connection, ann.email, "Ann", [("acme", Role.RESPONDER)], vault=Vault.of(site.settings), actor="test",
            now=site.clock.now(),
        )  # fmt: skip
    site.secrets[ann.email] = str(secret)
    assert browser.get(SESSION).status_code == 401
    assert _left(site) == (0, 0)
    old = {"email": ann.email, "recovery_code": codes[0], "code": site.code(ann)}
    assert site.browser().post(f"{SESSION}/recovery", json=old).status_code == 401
    assert site.signed_in(ann).get(SESSION).status_code == 200
