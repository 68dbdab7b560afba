"""A runbook that can hurt and was not drilled for long does nothing automatically, and says why."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks import catalogue
from spine.incident import IncidentKind
from spine.plan import Gate, Risk
from spine.policy import ActionRequest, rule
from spine.rehearsal import Rehearsal, rehearsal
from spine.settings import DrillSettings
from tasks.mitigations import actions

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SPECS = {key: mitigation.spec for key, mitigation in actions().items()}
BOOK = catalogue()[IncidentKind.FAILED_LOGINS_SPIKE]


def stands(passed_days: float | None, installed_days: float, fresh_days: float = 90) -> Rehearsal:
    return rehearsal(
        BOOK, SPECS,
        last_passed=None if passed_days is None else NOW - timedelta(days=passed_days),
        installed_at=NOW - timedelta(days=installed_days), settings=DrillSettings(fresh_days=fresh_days),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("passed_days", "installed_days", "overdue"),
    [
        pytest.param(None, 89, False, id="a new installation has its time"),
        pytest.param(None, 90, True, id="never drilled"),
        pytest.param(89, 400, False, id="drilled in time"),
        pytest.param(90, 400, True, id="too long ago"),
        pytest.param(400, 10, False, id="restored into a new installation"),
    ],
)
def test_a_drill_is_due_so_long_after_the_last_or_the_installation(
    passed_days: float | None, installed_days: float, overdue: bool
) -> None:
    assert stands(passed_days, installed_days).overdue(NOW) is overdue


def test_it_says_since_when_and_what_to_do() -> None:
    told = stands(100, 400).undrilled(NOW)
    assert "last on 2026-02-21" in told
    assert "it was due on 2026-05-22" in told
    assert "opsspine drill" in told
    assert "never drilled" in stands(None, 100).undrilled(NOW)
    assert stands(1, 400).undrilled(NOW) == ""


def test_a_runbook_that_can_do_little_harm_needs_no_drill() -> None:
    from dataclasses import replace

    mild = replace(BOOK, ladder=("evidence.snapshot", "rate_limit.strict", "ip.throttle"))
    stand = rehearsal(
        mild, SPECS, last_passed=None, installed_at=NOW - timedelta(days=900), settings=DrillSettings()
    )  # fmt: skip
    assert stand.undrilled(NOW) == ""


def asked(**more: object) -> ActionRequest:
    return ActionRequest(role="engine", risk=Risk.LOW, environment="prod", confidence=1.0, **more)  # type: ignore[arg-type]


def test_what_was_automatic_waits_for_approval_and_shows_the_reason() -> None:
    assert rule(asked()).gate is Gate.ALLOW
    ruling = rule(asked(undrilled="its runbook was never drilled"))
    assert ruling.gate is Gate.APPROVE
    assert "approve because its runbook was never drilled" in ruling.because


def test_recording_goes_on_and_so_does_the_containment_of_a_confirmed_leak() -> None:
    """To hold either back for want of a rehearsal would do the harm that rehearsals are to prevent."""
    assert rule(asked(undrilled="never", harmless=True)).gate is Gate.ALLOW
    leak = asked(undrilled="never", pre_authorised=True, containment=True)
    assert rule(leak).gate is Gate.ALLOW


@given(
    role=st.sampled_from(["engine", "responder", "incident_commander", "security_admin", "break_glass"]),
    risk=st.sampled_from(list(Risk)),
    environment=st.sampled_from(["dev", "staging", "prod"]),
    confidence=st.floats(0, 1),
)
def test_want_of_a_drill_never_opens_a_gate(role: str, risk: Risk, environment: str, confidence: float) -> None:
    request = ActionRequest(role=role, risk=risk, environment=environment, confidence=confidence)
    from dataclasses import replace

    assert rule(replace(request, undrilled="never")).gate >= rule(request).gate
