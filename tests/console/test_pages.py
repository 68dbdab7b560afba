"""Every page in a real browser: no complaint, nothing that only eyes or mice can use, room on a phone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(900)
"""Thirteen pages in a browser; a busy machine may take its time."""
AXE = Path(__file__).with_name("vendor") / "axe.min.js"
PAGES = {
    "overview": "", "incidents": "/incidents", "incident": "/incidents/{incident}", "approvals": "/approvals",
    "flags": "/flags", "flag": "/flags/auth.rateLimit.strict", "suppressions": "/suppressions", "oncall": "/on-call",
    "drills": "/drills", "audit": "/audit", "entry": "/audit/1", "health": "/health", "missing": "/nowhere",
}  # fmt: skip
SHOWN = ("overview", "incident", "approvals", "flags", "oncall", "audit")
"""Pages whose pictures are kept."""
_RULES = (
    "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => v.id + ': ' + v.nodes[0].html))"
)
_WIDTH = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def _walk(night: Any, visit: Callable[..., Any], shots: Path, mark: str = "", **how: Any) -> dict[str, Any]:
    """What is wrong with which page; pages without a fault are not among them."""
    faults: dict[str, Any] = {}
    page = visit("", who=night.ann, **how)
    home = page.url
    for name, path in PAGES.items():
        page.problems.clear()
        page.goto(home + path.format(incident=night.incident.id), wait_until="load")
        page.wait_for_selector("#live[data-state=on]") if name != "missing" else None
        if name in SHOWN:
            page.screenshot(path=shots / f"console-{name}{mark}.png")
        page.evaluate(AXE.read_text())
        found = page.evaluate(_RULES)
        found += [said for said in page.problems if "404" not in said or name != "missing"]
        if page.evaluate(_WIDTH) > 0:
            found.append(f"it is {page.evaluate(_WIDTH)} pixels too wide")
        if found:
            faults[name] = found
    return faults


@pytest.fixture
def planned(night: Any) -> Any:
    night.plan()
    night.suppress()
    night.on_call()
    night.well()
    return night


def test_every_page_is_clean_by_day(planned: Any, visit: Callable[..., Any], shots: Path) -> None:
    assert _walk(planned, visit, shots) == {}


def test_every_page_is_clean_in_the_dark(planned: Any, visit: Callable[..., Any], shots: Path) -> None:
    assert _walk(planned, visit, shots, "-dark", dark=True) == {}


def test_every_page_fits_a_phone(planned: Any, visit: Callable[..., Any], shots: Path) -> None:
    assert _walk(planned, visit, shots, "-phone", phone=True) == {}


def test_an_empty_installation_says_what_to_do(night: Any, visit: Callable[..., Any]) -> None:
    """A tenant in which nothing ever happened."""
    new = night.person("Neo Hu", night.role, tenant="quiet")
    page = visit("", who=new)
    assert "All quiet" in page.inner_text("h1")
    for path, hint in (("/incidents", "POST /api/ops/events"), ("/drills", "Start one"), ("/suppressions", "Announce")):
        page.goto(page.url.split("/admin")[0] + "/admin/auth-ops" + path)
        assert hint in page.inner_text(".empty")


def test_a_choice_of_theme_stays(night: Any, visit: Callable[..., Any]) -> None:
    page = visit("/incidents", who=night.ann)
    page.click("text=Theme")
    assert page.url.endswith("/incidents")
    assert page.get_attribute("html", "data-theme") == "dark"
    page.reload()
    assert page.get_attribute("html", "data-theme") == "dark"


def test_the_keyboard_reaches_the_decision(planned: Any, visit: Callable[..., Any]) -> None:
    """From the top of the page: past the navigation by the first link, into the form, without a mouse."""
    page = visit(f"/incidents/{planned.incident.id}", who=planned.ann)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    names = []
    for _ in range(5):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.name || document.activeElement.textContent"))
    assert names == ["I have it", "reason", "code", "vote", "vote"]
