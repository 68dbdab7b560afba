"""The report where people and programs ask for it: command line, API, console, browser."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from deployments.cli import app
from gateway.auth import Scope
from spine.ids import TenantId
from spine.report.citation import cited
from store.keys import add_key

HOME = "/admin/auth-ops"


def key_of(case: Any, tenant: TenantId) -> str:
    with case.database.system() as connection:
        made: tuple[Any, str] = add_key(
            connection, tenant, "reader", [Scope.INCIDENTS_READ.value], now=case.clock.now()
        )
    return made[1]


@pytest.fixture
def run(case: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """run(*words) is `opsspine …` on the case's database."""
    monkeypatch.setenv("DATABASE_URL", case.database.url)

    def run_(*words: str) -> Any:
        return CliRunner().invoke(app, list(words))

    return run_


def test_the_command_line_gives_every_form(run: Callable[..., Any], case: Any, tmp_path: Path) -> None:
    case.respond()
    short = str(case.incident.id)[:8]
    shown = run("report", short)
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith("# Failed logins spike")
    assert json.loads(run("report", short, "--format", "json").output)["kind"] == "incident"
    assert json.loads(run("report", short, "--json").output)["data"]["kind"] == "incident"
    file = tmp_path / "report.html"
    told = run("report", short, "--format", "html", "--out", str(file))
    assert "audit entries" in told.output
    assert file.read_text().startswith("<!doctype html>")
    week = run("report", "week", "--tenant", "acme")
    assert week.exit_code == 0, week.output
    assert "## Trends" in week.output
    assert run("report", "ffffffff").exit_code == 1
    assert "is empty" in run("report", "week", "--tenant", "nobody").output


def test_over_http_it_is_the_tenants_own(case: Any, serve: Callable[[Any], str]) -> None:
    case.respond()
    url = serve(case.app())
    mine, others = (
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key_of(case, TenantId(name))}"}, trust_env=False)
        for name in ("acme", "globex")
    )
    path = f"/api/ops/incidents/{case.incident.id}/report"
    told = mine.get(path).json()
    assert told["kind"] == "incident"
    assert cited(mine.get(path, params={"format": "md"}).text)
    page = mine.get(path, params={"format": "html"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert mine.get(path, params={"format": "pdf"}).status_code == 422
    assert others.get(path).status_code == 404
    assert httpx.get(url + path, trust_env=False).status_code == 401
    assert mine.get("/api/ops/reports/week").json()["kind"] == "week"
    assert others.get("/api/ops/reports/week").json()["head"][0]["text"] == "0 incidents"


@pytest.mark.timeout(600)  # the first page of a process takes long where many share it
def test_a_browser_shows_and_prints_it_and_loads_nothing(
    played: Any, serve: Callable[[Any], str], chromium: Any, tmp_path: Path
) -> None:
    site = serve(played.app())
    context = chromium.new_context(viewport={"width": 1100, "height": 900})
    context.add_cookies([{"name": played.cookie_name, "value": played.token(played.ann), "url": site}])
    page = context.new_page()
    page.set_default_timeout(120_000)
    asked: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda line: problems.append(line.text))
    page.goto(f"{site}{HOME}/incidents/{played.incident.id}")
    asked.clear()
    page.get_by_role("link", name="Report of this incident").click()
    page.wait_for_url("**/report")
    assert page.locator("h1").inner_text().startswith("Failed logins spike")
    asked.clear()
    page.reload()  # the live page that was left may still have asked for something
    assert [one for one in asked if not one.endswith(("/report", "favicon.ico"))] == []
    assert page.locator("svg.plot").count() == 2
    dead = page.evaluate(
        "[...document.querySelectorAll('.cite a')].filter(a => !document.querySelector(a.getAttribute('href'))).length"
    )
    assert dead == 0
    for width in (1100, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.pdf(path=str(tmp_path / "report.pdf"), prefer_css_page_size=True)
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    page.goto(f"{site}{HOME}/reports/week")
    assert "Weekly summary" in page.locator(".eyebrow").text_content()
    assert problems == []
    context.close()
