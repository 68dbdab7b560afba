"""Failures of resets, verifications, callbacks and tokens: whose they are, and what is one cause."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spine.detect import detect
from spine.detect.episode import gathered
from spine.detect.fault.cell import cells
from spine.detect.fault.example import Faults, faults
from spine.detect.fault.family import CALLBACKS, RESETS, TOKENS, VERIFICATIONS, Family
from spine.detect.fault.odds import chance, common_log_odds
from spine.detect.frames import Frames
from spine.detect.subject import is_everybody, of_everybody, of_tenant
from spine.finding import Finding
from spine.ids import NO_TENANT, TenantId
from spine.incident import IncidentKind
from spine.settings.detect import DetectSettings
from spine.severity import Severity

SETTINGS = DetectSettings()
Live = set[tuple[TenantId, IncidentKind, str]]


def found(family: Family, *given: Faults) -> dict[tuple[str, str], Finding]:
    """Findings by tenant and subject."""
    return {(f.tenant_id, f.subject): f for f in detect(faults(family, *given), SETTINGS)}


def outage(tenants: int = 6, provider: str = "") -> list[Faults]:
    return [Faults(f"t{i}", 6, 7, provider=provider) for i in range(tenants)]


def test_a_campaign_that_raises_requests_and_failures_alike_is_no_finding() -> None:
    assert found(RESETS, Faults("t1", failures=30, tries=600, usual=0.5)) == {}


def test_one_tenant_that_fails_wholly_speaks_for_itself_alone() -> None:
    calm = [Faults(f"c{i}", 0, 20) for i in range(6)]
    assert set(found(RESETS, Faults("t1", 60, 60), *calm)) == {("t1", "tenant")}


def test_what_fails_for_many_is_found_once_more_for_all_of_them_and_names_them() -> None:
    whole = found(RESETS, *outage())[NO_TENANT, "everywhere"]
    assert (whole.severity, whole.tenants) == (Severity.HIGH, tuple(f"t{i}" for i in range(6)))
    assert whole.observed["failures"] == 36


@pytest.mark.parametrize(("resets", "expected"), [(1, {"PASSWORD_RESET_FAILURES", "EMAIL_VERIFICATION_FAILURES"}),
                                                  (0, {"EMAIL_VERIFICATION_FAILURES"})])  # fmt: skip
def test_mails_of_both_kinds_speak_together_but_only_for_the_kind_that_fails(resets: int, expected: set[str]) -> None:
    """Resets of six tenants, one of three failing, are nothing by themselves, but they are while verifications fail."""
    tenants = [f"t{i}" for i in range(6)]
    mails = [
        faults(VERIFICATIONS, *(Faults(tenant, 2, 3) for tenant in tenants)).faults,
        faults(RESETS, *(Faults(tenant, resets, 3) for tenant in tenants)).faults,
    ]
    seen = detect(replace(faults(RESETS), faults=pd.concat(mails, ignore_index=True)), SETTINGS)
    assert {f.kind.value for f in seen if is_everybody(f.subject)} == expected


def graded(family: Family, tries: int, *, failed: float, completed: int | None, locked: int = 0) -> Severity:
    """The severity of one tenant's failing mails; `completed` None: it never reports any."""
    given = faults(family, Faults("t1", int(failed * tries), tries))
    rows = given.faults
    if completed is not None:
        done = rows.iloc[:1].assign(
            type=family.successes[0].value, n_5m=0, n_15m=completed, n_60m=completed, mean_60m=9.0
        )
        rows = pd.concat([rows, done], ignore_index=True)
    series = pd.DataFrame(
        [{"tenant_id": "t1", "type": "login_locked", "n_5m": 0, "n_15m": locked, "n_60m": locked, "base_15m": 1.0,
          "base_60m": 4.0}]
    )  # fmt: skip
    (finding,) = detect(replace(given, faults=rows, series=series), SETTINGS)
    return finding.severity


@pytest.mark.parametrize(
    ("family", "tries", "failed", "completed", "locked", "severity"),
    [
        pytest.param(RESETS, 12, 1.0, None, 0, Severity.MEDIUM, id="few"),
        pytest.param(RESETS, 60, 0.9, 3, 0, Severity.HIGH, id="a quarter fails"),
        pytest.param(RESETS, 60, 0.9, 0, 0, Severity.HIGH, id="nobody gets through"),
        pytest.param(RESETS, 60, 0.9, 0, 20, Severity.CRITICAL, id="and many are locked out"),
        pytest.param(VERIFICATIONS, 60, 0.9, 0, 0, Severity.CRITICAL, id="nobody is verified"),
        pytest.param(VERIFICATIONS, 40, 0.9, 0, 0, Severity.HIGH, id="under fifty"),
        pytest.param(VERIFICATIONS, 60, 0.9, None, 0, Severity.HIGH, id="never told"),
    ],
)
def test_failing_mails_are_graver_where_nobody_gets_through(
    family: Family, tries: int, failed: float, completed: int | None, locked: int, severity: Severity
) -> None:
    assert graded(family, tries, failed=failed, completed=completed, locked=locked) is severity


def test_providers_are_judged_apart() -> None:
    good = [Faults(f"t{i}", 0, 30, provider="github") for i in range(6)]
    seen = found(CALLBACKS, *outage(provider="google"), *good)
    assert {subject for _, subject in seen} == {"provider:google", "everywhere/provider:google"}


def test_six_of_six_callbacks_are_decisive_without_any_history() -> None:
    frames = faults(CALLBACKS, Faults("t1", 6, 6, provider="google"))
    rows = frames.faults.assign(mean_60m=float("nan"), var_60m=float("nan"), total=0.0)
    assert [f.subject for f in detect(replace(frames, faults=rows), SETTINGS)] == ["provider:google"]


def test_a_deploy_that_makes_five_times_the_refused_tokens_everywhere_is_no_finding() -> None:
    assert found(TOKENS, *(Faults(f"t{i}", 5, 200, usual=4, usual_tries=2000, recent=1) for i in range(8))) == {}


def test_a_changed_key_is_found_only_when_it_lasts_longer_than_a_planned_overlap() -> None:
    def rotation(recent: int) -> list[Faults]:
        return [Faults(f"t{i}", 20, 200, usual=1, usual_tries=2000, recent=recent) for i in range(8)]

    assert found(TOKENS, *rotation(recent=20)) == {}
    assert set(found(TOKENS, *rotation(recent=10))) == {(NO_TENANT, "everywhere")}


def tenant_finding(tenant: str = "t1", part_of: str | None = "everywhere") -> Finding:
    alone = found(RESETS, Faults(tenant, 6, 6))[tenant, "tenant"]
    return replace(alone, part_of=part_of)


def live(*given: tuple[str, str]) -> Live:
    return {(TenantId(tenant), IncidentKind.PASSWORD_RESET_FAILURES, subject) for tenant, subject in given}


def test_tenants_findings_join_the_live_incident_of_all_as_one() -> None:
    (one,) = gathered([tenant_finding("t1"), tenant_finding("t2")], live(("_", "everywhere")))
    assert (one.tenant_id, one.subject, one.tenants) == (NO_TENANT, "everywhere", ("t1", "t2"))


def test_they_join_one_that_opens_in_the_same_tick() -> None:
    whole = found(RESETS, *outage())[NO_TENANT, "everywhere"]
    assert {f.tenant_id for f in gathered([tenant_finding(), whole], set())} == {NO_TENANT}


@pytest.mark.parametrize(
    ("finding", "lives"),
    [
        (tenant_finding(part_of=None), live(("_", "everywhere"))),
        (tenant_finding(), live(("_", "everywhere"), ("t1", "tenant"))),
        (tenant_finding(), live(("_", "everywhere/provider:google"))),
        (tenant_finding(), set()),
    ],
    ids=["a cause of its own", "its own incident lives", "another provider", "nothing lives"],
)
def test_otherwise_a_finding_stays_its_tenants(
    finding: Finding, lives: set[tuple[TenantId, IncidentKind, str]]
) -> None:
    assert gathered([finding], lives) == [finding]


def test_an_attack_on_one_tenant_has_a_cause_of_its_own() -> None:
    calm = [Faults(f"c{i}", 1, 20, usual=0.5) for i in range(4)]
    assert found(RESETS, Faults("t1", 80, 90), *calm)["t1", "tenant"].part_of is None
    assert found(RESETS, Faults("t1", 3, 3, usual_tries=20), *calm)["t1", "tenant"].part_of == "everywhere"


def test_many_failing_together_are_odd_and_one_alone_is_not() -> None:
    share, tries = np.full(8, 0.05), np.full(8, 10.0)
    together = common_log_odds(np.full(8, 5.0), tries, share, worse=(0.5,), touched=0.5)
    alone = common_log_odds(np.array([10.0] + [0.0] * 7), tries, share, worse=(0.5,), touched=0.5)
    assert together > 20
    assert alone < 0


def test_chance_is_the_binomial_tail() -> None:
    assert chance([3, 0, 2], [3, 5, 2], [0.1, 0.1, 0.5]).tolist() == pytest.approx([1e-3, 1.0, 0.25])


def test_cells_count_tries_by_what_is_reported() -> None:
    seen = cells(faults(RESETS, Faults("t1", 4, 9)).faults, RESETS)
    assert (seen.failures["15m"].tolist(), seen.tries["15m"].tolist()) == ([4.0], [9.0])
    frames = faults(TOKENS, Faults("t1", 4, 9))
    logins = frames.faults["type"].replace("jwt_accepted", "login_succeeded")
    assert cells(frames.faults.assign(type=logins), TOKENS).tries["15m"].tolist() == [5.0]


def test_nothing_counted_is_no_cell() -> None:
    empty: pd.DataFrame = faults(RESETS).faults
    assert len(cells(empty, RESETS)) == 0
    frames: Frames = faults(RESETS)
    assert detect(frames, SETTINGS) == []


def test_subjects_of_all_tenants_are_told_apart() -> None:
    assert is_everybody(of_everybody())
    assert is_everybody(of_everybody("google"))
    assert not is_everybody(of_tenant("everywhere"))
