"""45 in a browser: with Slack down a person decides in Prefect's own pages; the picture in the README is of this."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spine.approval import ApprovalStatus

pytestmark = pytest.mark.timeout(240)
_LARGEST_BYTES = 300_000


def test_s45_a_person_fills_the_form_in_prefect_ui(
    stack: Any, cast: Callable[[Any], Any], chromium: Any, tmp_path: Path
) -> None:
    robin = cast(stack)
    asked = robin.tenant.asked()
    page = chromium.new_page(viewport={"width": 1100, "height": 900})
    page.set_default_timeout(60_000)
    page.goto(f"{stack.state['prefect_url']}/runs/flow-run/{asked.flow_run_id}")
    page.get_by_role("button", name="Resume").first.click()
    dialog = page.get_by_role("dialog")
    for label, words in {"Approver": robin.tenant.email, "Reason": "The addresses are not ours."}.items():
        _field(dialog, label).locator("textarea").fill(words)
    _field(dialog, "Decision").locator("button.p-select-button__control").press("ArrowDown")  # opens its choices
    page.locator(".p-select-option", has_text="approve").click()
    file = Path(os.environ.get("OPSSPINE_SHOTS", tmp_path)) / "prefect-form.png"
    page.screenshot(path=file)
    assert file.stat().st_size < _LARGEST_BYTES
    _field(dialog, "Code").locator("textarea").fill(robin.tenant.totp.now())
    dialog.get_by_role("button", name="Submit").click()
    decided = robin.tenant.until(lambda: _decided(robin, asked), "what was typed is decided")
    assert (decided.status, decided.via) == (ApprovalStatus.APPROVED, "prefect")
    robin.tenant.until(robin.tenant.throttled, "the application reads the throttle")


def _field(dialog: Any, label: str) -> Any:
    """The field of the form that bears this label."""
    return dialog.locator(".schema-form-property").filter(has_text=f"{label} (Optional)").last


def _decided(robin: Any, asked: Any) -> Any:
    found = robin.answer(asked)
    return found if found.status is not ApprovalStatus.PENDING else None
