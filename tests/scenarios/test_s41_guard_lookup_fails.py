"""Scenario 41: a guard's look-up fails, and the action does not run."""

from dataclasses import replace

import pytest

from spine.action import Guard, GuardView, NoParams, SiteFacts
from spine.case_example import NOW, Crowd, case
from spine.guard import captcha_ready, legitimate_hit, no_api_clients, not_allowlisted, not_probe, not_self
from spine.plan import BlastRadius

OFFICE = Crowd(addresses=1, users=40, tries=1, network="198.51.100", first_user=1000)
RADIUS = BlastRadius(
    window_start=NOW, window_end=NOW, attack_events=9, attack_stopped=9, legitimate_events=200, legitimate_hit=2,
    legitimate_users_hit=1, cap=0.01,
)  # fmt: skip
SITE = SiteFacts(
    allowlist=("192.0.2.0/24",),
    own_networks=("127.0.0.0/8",),
    probe_networks=("2001:db8::/32",),
    captcha_provider="turnstile",
    captcha_accessible=True,
)


def view(office: Crowd = OFFICE, *, targets: tuple[str, ...] = ("203.0.113.0/24",), **changes: object) -> GuardView:
    facts = GuardView(params=NoParams(), targets=targets, blast_radius=RADIUS, site=SITE, logins=case(office).logins)
    return replace(facts, **changes)


GUARDS = [legitimate_hit(), not_allowlisted, not_self, not_probe, captcha_ready, no_api_clients]


@pytest.mark.parametrize("guard", GUARDS)
def test_s41_with_every_look_up_answered_a_harmless_action_passes(guard: Guard) -> None:
    assert guard(view()).passed is True


@pytest.mark.parametrize(
    ("guard", "changes"),
    [
        pytest.param(legitimate_hit(), {"blast_radius": None}, id="logins unreadable"),
        pytest.param(no_api_clients, {"blast_radius": None}, id="clients unreadable"),
        pytest.param(not_allowlisted, {"site": replace(SITE, allowlist=None)}, id="allowlist"),
        pytest.param(not_self, {"site": replace(SITE, own_networks=None)}, id="own networks"),
        pytest.param(not_probe, {"site": replace(SITE, probe_networks=None)}, id="probes"),
        pytest.param(captcha_ready, {"site": replace(SITE, captcha_provider=None)}, id="captcha provider"),
        pytest.param(captcha_ready, {"site": replace(SITE, captcha_accessible=None)}, id="captcha fallback"),
    ],
)
def test_s41_a_look_up_that_failed_is_no_yes(guard: Guard, changes: dict[str, object]) -> None:
    result = guard(view(**changes))
    assert result.passed is None
    assert "refused to be safe" in result.because


@pytest.mark.parametrize(
    ("guard", "changes"),
    [
        pytest.param(
            legitimate_hit(), {"blast_radius": RADIUS.model_copy(update={"legitimate_hit": 3})}, id="hits people"
        ),
        pytest.param(not_allowlisted, {"targets": ("192.0.2.7/32",)}, id="allowlisted"),
        pytest.param(not_self, {"targets": ("127.0.0.0/24",)}, id="ourselves"),
        pytest.param(not_probe, {"targets": ("2001:db8:1::/48",)}, id="a probe"),
        pytest.param(captcha_ready, {"site": replace(SITE, captcha_provider="")}, id="no provider"),
        pytest.param(captcha_ready, {"site": replace(SITE, captcha_accessible=False)}, id="no alternative"),
    ],
)
def test_s41_and_a_no_is_a_no(guard: Guard, changes: dict[str, object]) -> None:
    assert guard(view(**changes)).passed is False


def test_s41_programs_that_log_in_cannot_solve_a_captcha() -> None:
    assert no_api_clients(view(replace(OFFICE, agent="okhttp/4.12"))).passed is False
    assert no_api_clients(view(replace(OFFICE, agent=None))).passed is None
