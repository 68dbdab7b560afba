"""`opsspine people invite` and `sign-out`, as commands on a real database, through to a session."""

import re
from typing import Any

import pytest
from typer.testing import CliRunner

from deployments.cli import app
from spine import totp

HOME, SESSION = "/admin/auth-ops", "/api/ops/session"


@pytest.fixture
def run(site: Any, database_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command against the site's database and key."""
    assert site.settings.secret_key is not None
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("OPSSPINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OPSSPINE_SECRET_KEY", site.settings.secret_key.get_secret_value())
    monkeypatch.setenv("OPSSPINE_GATEWAY__PUBLIC_URL", site.url)
    return lambda *arguments: CliRunner().invoke(app, ["people", *arguments])


def test_an_invitation_leads_to_a_session_and_signing_out_ends_it(site: Any, run: Any) -> None:
    added = run("add", "ann@example.org", "--role", "security_admin", "--tenant", "acme")
    assert added.exit_code == 0, added.output
    invited = run("invite", "ann@example.org")
    assert invited.exit_code == 0, invited.output
    assert "sets up their authenticator" in invited.output
    url = re.search(r"http\S+/sign-in/link\?token=\S+", invited.output)
    assert url is not None
    browser = site.browser()
    page = browser.get(url[0].removeprefix(site.url)).text
    secret = re.search(r'<code class="wrap">([A-Z2-7]{32})</code>', page)
    assert secret is not None
    done = browser.send_form(page, f"{HOME}/sign-in/link", code=totp.code_at(secret[1], site.clock.now()))
    assert done.status_code == 200
    assert browser.get(SESSION).json()["tenant"] == "acme"
    again = run("invite", "ann@example.org")
    assert "asks for a code" in again.output, "an authenticator is in use now"
    assert "sets up" in run("invite", "ann@example.org", "--enrol").output
    ended = run("sign-out", "ann@example.org")
    assert (ended.exit_code, "1 sessions of ann@example.org were ended" in ended.output) == (0, True)
    assert browser.get(SESSION).status_code == 401


def test_nobody_unknown_or_disabled_is_invited(site: Any, run: Any) -> None:
    unknown = run("invite", "nobody@example.org")
    assert unknown.exit_code == 1
    assert "Nobody has the address" in unknown.output
    site.person()
    assert run("disable", "ann@example.org").exit_code == 0
    refused = run("invite", "ann@example.org")
    assert (refused.exit_code, "is disabled" in refused.output) == (1, True)
