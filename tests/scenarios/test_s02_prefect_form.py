"""2 and 45 in Prefect UI: the form of a suspended run, filled in over HTTP as the UI does, with Slack down."""

import time
from typing import Any

import pytest

from spine.approval import ApprovalStatus
from spine.incident import IncidentStatus

pytestmark = pytest.mark.timeout(240)


def test_s45_the_form_of_prefect_approves_when_slack_is_down(played: Any) -> None:
    """A wrong code is refused with its reason; the right one approves; no code stays behind."""
    played()


def s45_the_form_of_prefect_approves_when_slack_is_down(robin: Any) -> None:
    asked = robin.tenant.asked()
    run = asked.flow_run_id
    assert robin.form(run, decision="perhaps") == "REJECT", "the orchestrator checks the form's types"
    assert "6 digits" not in _text(robin, run)
    wrong = f"{(int(robin.tenant.totp.now()) + 1) % 1_000_000:06d}"
    for changes, said in (
        ({"totp": wrong}, "That code was not accepted"),
        ({"decision": "decided elsewhere"}, ""),
    ):
        before = _state(robin, run)["id"]
        assert robin.form(run, **robin.filled(**changes)) == "ACCEPT"
        robin.tenant.until(lambda before=before: _again(robin, run, before), f"it asks again after {changes}")
        assert said in _text(robin, run)
        assert robin.answer(asked).status is ApprovalStatus.PENDING
        assert wrong not in _inputs(robin, run)
        assert robin.tenant.totp.now() not in _inputs(robin, run)
    filled = robin.filled()
    assert robin.form(run, **filled) == "ACCEPT"
    robin.tenant.until(robin.tenant.throttled, "the application reads the throttle")
    decided = robin.answer(asked)
    assert (decided.status, decided.via) == (ApprovalStatus.APPROVED, "prefect")
    assert filled["totp"] not in _inputs(robin, run)
    assert robin.form(run, **filled) != "ACCEPT" or robin.answer(asked) == decided


def test_s02_a_form_in_prefect_races_a_click_in_slack(played: Any) -> None:
    """The first to be written wins, the other changes nothing."""
    played()


def s02_a_form_in_prefect_races_a_click_in_slack(robin: Any) -> None:
    asked = robin.tenant.asked()
    assert robin.form(asked.flow_run_id, **robin.filled()) == "ACCEPT"
    time.sleep(0.3)  # the form is on its way: a run starts for it
    robin.slack(asked, "deny")
    decided = robin.tenant.until(lambda: _ended(robin, asked), "it is decided")
    approved = decided.status is ApprovalStatus.APPROVED
    assert decided.via == ("prefect" if approved else "slack")
    robin.tenant.until(lambda: robin.tenant.status() is IncidentStatus.VERIFYING, "the run has seen the decision")
    assert len([line for line in robin.tenant.timeline() if line.startswith("approval.decided")]) == 1
    assert robin.tenant.throttled() == approved


def _ended(robin: Any, asked: Any) -> Any:
    found = robin.answer(asked)
    return found if found.status is not ApprovalStatus.PENDING else None


def _state(robin: Any, run: Any) -> dict[str, Any]:
    return dict(robin.stack.prefect(f"/flow_runs/{run}")["state"])


def _again(robin: Any, run: Any, before: str) -> bool:
    state = _state(robin, run)
    assert state["type"] not in ("FAILED", "CRASHED", "COMPLETED"), state
    return state["type"] == "PAUSED" and state["id"] != before


def _text(robin: Any, run: Any) -> str:
    """What the form says, once Prefect has its words: it suspends a run first, and keeps them then."""
    key = _state(robin, run)["state_details"]["run_input_keyset"]["description"]
    kept = robin.tenant.until(
        lambda: robin.stack.prefect(f"/flow_runs/{run}/input/filter", prefix=key, limit=1), "the form has its words"
    )
    return str(kept)


def _inputs(robin: Any, run: Any) -> str:
    """Everything Prefect keeps of what was typed."""
    return str(robin.stack.prefect(f"/flow_runs/{run}/input/filter", prefix="", limit=100))
