"""Findings become episodes: one per cause, never for old news, with ids that any scheduler derives alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.detect.episode import Cause, causes, identity, opening, over, quiet_end, recurrence, rests_on_events_since
from spine.detect.summary import hashed, merged
from spine.finding import Finding
from spine.ids import IncidentId, TenantId
from spine.incident import Incident, IncidentKind, IncidentStatus
from spine.settings.detect import EpisodeSettings
from spine.severity import Severity
from spine.suppression import LONGEST, Reason, Suppression, lowered, suppressor

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
KIND = IncidentKind.FAILED_LOGINS_SPIKE
SETTINGS = EpisodeSettings()
BASE = Finding(
    tenant_id=TenantId("t1"), kind=KIND, detector="stuffing_one_address", window_start=NOW - timedelta(minutes=15),
    window_end=NOW, n=30, observed={"failures": 30, "users": 20}, threshold={"failures": 25}, margin=1.2,
    severity=Severity.MEDIUM, first_event_at=NOW - timedelta(minutes=10), last_event_at=NOW, addresses=("192.0.2.1",),
    users=("u1",),
)  # fmt: skip
minutes = st.integers(0, 3000).map(lambda m: timedelta(minutes=m))
findings = st.builds(
    lambda tenant, ago, length, lasted, margin, n: replace(
        BASE, tenant_id=TenantId(tenant), window_end=NOW - ago, window_start=NOW - ago - length, margin=margin,
        first_event_at=NOW - ago - min(lasted, length), last_event_at=NOW - ago, addresses=(f"192.0.2.{n}",),
    ),
    st.sampled_from(["t1", "t2", "t3"]), minutes, minutes, minutes, st.floats(0, 5), st.integers(0, 5),
)  # fmt: skip


def incident(status: IncidentStatus = IncidentStatus.OPEN, last: datetime = NOW) -> Incident:
    return Incident(
        id=IncidentId(UUID(int=1)), tenant_id=TenantId("t1"), kind=KIND, subject="tenant", status=status,
        severity=Severity.MEDIUM, title="", first_event_at=NOW, opened_at=NOW, last_finding_at=last,
    )  # fmt: skip


@given(st.lists(findings))
def test_every_finding_belongs_to_exactly_one_cause_and_tenants_come_in_order(found: list[Finding]) -> None:
    grouped = causes(found)
    assert sorted(map(id, found)) == sorted(id(f) for group in grouped.values() for f in group)
    assert all({f.tenant_id for f in group} == {cause.tenant_id} for cause, group in grouped.items())
    tenants = [cause.tenant_id for cause in grouped]
    assert tenants == sorted(set(tenants))


@given(st.lists(findings), minutes)
def test_nothing_opens_on_events_from_before_the_last_end(found: list[Finding], ago: timedelta) -> None:
    last_end = NOW - ago
    for finding in opening(found, last_end):
        assert finding.margin >= 1
        assert finding.window_end >= rests_on_events_since(finding) >= last_end
    assert opening(found, NOW + timedelta(seconds=1)) == []


@given(st.lists(findings), minutes, minutes)
def test_a_later_end_never_lets_more_open(found: list[Finding], early: timedelta, late: timedelta) -> None:
    before, after = sorted([NOW - early, NOW - late])
    assert [f for f in opening(found, after) if f not in opening(found, before)] == []


def test_without_an_earlier_incident_whatever_crossed_its_line_opens() -> None:
    assert opening([BASE, replace(BASE, margin=0.9)], None) == [BASE]
    assert opening([replace(BASE, last_event_at=None)], None) == []


def test_ids_depend_on_cause_and_predecessor_alone() -> None:
    cause = Cause(TenantId("t1"), KIND, "tenant")
    first = identity(cause, None)
    assert first == identity(cause, None)
    assert len({first, identity(cause, first), identity(Cause(TenantId("t2"), KIND, "tenant"), None),
                identity(Cause(TenantId("t1"), KIND, "tenant", "drill"), None)}) == 4  # fmt: skip


@pytest.mark.parametrize(
    ("status", "watermark", "ends"),
    [
        pytest.param(IncidentStatus.OPEN, timedelta(minutes=120), True, id="quiet"),
        pytest.param(IncidentStatus.OPEN, timedelta(minutes=119), False, id="not yet"),
        pytest.param(IncidentStatus.OPEN, None, False, id="no data at all"),
        pytest.param(IncidentStatus.MITIGATED, timedelta(minutes=600), False, id="its runbook ends it"),
    ],
)
def test_quiet_ends_only_what_nobody_attends_to(
    status: IncidentStatus, watermark: timedelta | None, ends: bool
) -> None:
    assert over(incident(status), NOW + watermark if watermark else None, SETTINGS) is ends
    assert quiet_end(incident(), SETTINGS) == NOW + timedelta(minutes=120)


def test_a_recurrence_is_linked_for_a_day() -> None:
    assert recurrence(NOW - timedelta(hours=24), NOW, SETTINGS)
    assert not recurrence(NOW - timedelta(hours=25), NOW, SETTINGS)
    assert not recurrence(None, NOW, SETTINGS)


@given(st.lists(findings, min_size=1, max_size=12), st.integers(0, 4))
def test_a_summary_only_grows_and_is_bounded(found: list[Finding], most: int) -> None:
    summary: dict[str, object] = {}
    for finding in found:
        grown = merged(summary, [finding], most)
        assert set(summary.get("addresses", [])) <= set(grown["addresses"])  # type: ignore[call-overload]
        assert len(grown["addresses"]) <= most
        assert grown["addresses_total"] >= len(grown["addresses"])
        assert grown["severity"] >= summary.get("severity", 0)
        summary = grown
    assert merged(summary, found, most) == summary


def test_users_are_told_by_hashes_that_differ_between_tenants() -> None:
    summary = merged({}, [BASE], 10)
    assert summary["users"] == [hashed(TenantId("t1"), "u1")]
    assert hashed(TenantId("t1"), "u1") != hashed(TenantId("t2"), "u1")


def window(
    length: timedelta = timedelta(hours=1), kind: IncidentKind | None = None, **changes: datetime
) -> Suppression:
    return Suppression(
        id=UUID(int=2), tenant_id=TenantId("t1"), reason=Reason.DEPLOY, kind=kind, owner="person:x", note="",
        starts_at=NOW, ends_at=NOW + length, **changes,
    )  # fmt: skip


@pytest.mark.parametrize("length", [timedelta(0), LONGEST + timedelta(seconds=1)], ids=["nothing", "too long"])
def test_a_suppression_lasts_four_hours_at_most(length: timedelta) -> None:
    with pytest.raises(Exception, match="lasts more than nothing"):
        window(length)


def test_a_suppression_covers_its_time_and_kind_and_never_a_success_after_attack() -> None:
    nothing: frozenset[str] = frozenset()
    assert suppressor([window()], KIND, NOW, nothing) == window()
    assert suppressor([window()], KIND, NOW + timedelta(hours=1), nothing) is None
    assert suppressor([window(cancelled_at=NOW)], KIND, NOW, nothing) is None
    assert suppressor([window(kind=IncidentKind.TENANT_LEAK_RISK)], KIND, NOW, nothing) is None
    assert suppressor([window()], KIND, NOW, frozenset({"success_after_attack"})) is None
    assert [lowered(s) for s in Severity] == [Severity.INFO, Severity.INFO, Severity.MEDIUM, Severity.HIGH]
