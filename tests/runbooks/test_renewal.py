"""A plan that only watched is made anew when the attack grew, one that did not help when that is known; no other."""

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from runbooks import catalogue
from spine.finding import Finding
from spine.ids import IncidentId, TenantId
from spine.incident import Incident, IncidentKind, IncidentStatus
from spine.plan import Decision, Verb
from spine.settings import DecisionSettings, Settings
from spine.severity import Severity
from spine.verdict import Outcome
from store import incidents
from store.engine import Database
from tasks.planning import plan_incident

TENANT, KIND = TenantId("acme"), IncidentKind.FAILED_LOGINS_SPIKE
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SURE = Settings()
UNSURE = Settings(decision=DecisionSettings(propose_confidence=1))
"""Whatever is seen, the engine only watches."""


class World:
    """One incident, the ticks that see its attack, and its plans; each process may have a clock of its own."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database, self.settings = database, settings
        self._minutes = itertools.count()
        self.incident = self.tick(40)

    def tick(self, n: int, *, skew: timedelta = timedelta(0), detector: str = "stuffing_one_address") -> Incident:
        """Detection sees `n` failures, a minute after the last look, by a clock that is `skew` off."""
        end = NOW + timedelta(minutes=next(self._minutes))
        finding = Finding(
            tenant_id=TENANT, kind=KIND, detector=detector, window_start=end - timedelta(minutes=15),
            window_end=end, n=n, observed={"failures": float(n)}, threshold={"failures": 25.0}, margin=n / 25,
            severity=Severity.MEDIUM, first_event_at=NOW - timedelta(minutes=5), last_event_at=end,
            addresses=("203.0.113.7",),
        )  # fmt: skip
        with self.database.system() as connection:
            (opening,) = incidents.record(
                connection, [finding], end + skew, detect=self.settings.detect, notify=self.settings.notify
            )
        return opening.incident

    def plan(self, minutes: float = 30) -> Decision:
        """What a run that comes by at that minute goes on with."""
        with self.database.system() as connection:
            fence = incidents.get(connection, self.incident.id).fence
        when = NOW + timedelta(minutes=minutes)
        book = catalogue()[KIND]
        return plan_incident(self.database, self.settings, book, IncidentId(self.incident.id), fence=fence, now=when)

    def receipts(self) -> int:
        with self.database.system() as connection:
            rows = incidents.evidence_rows(connection, self.incident.id)
        return sum(row["source"].startswith("detector:") for row in rows)

    def move(self, *statuses: IncidentStatus) -> None:
        with self.database.system() as connection:
            for status in statuses:
                incidents.transition(connection, self.incident.id, status, at=NOW, actor="t", summary="")

    def judged(self, outcome: Outcome, at: datetime) -> UUID:
        with self.database.system() as connection:
            return incidents.add_evidence(
                connection, TENANT, self.incident.id, source="verification", query=outcome.value, window_start=NOW,
                window_end=NOW, n=1, observed={}, threshold={}, at=at,
            ).id  # fmt: skip


@pytest.fixture
def watching(database: Database) -> World:
    return World(database, UNSURE)


@pytest.fixture
def acting(database: Database) -> World:
    return World(database, SURE)


def test_an_attack_that_stays_the_same_leaves_no_receipt_and_no_new_plan(watching: World) -> None:
    first = watching.plan()
    assert first.decision in (Verb.MONITOR, Verb.INSUFFICIENT_EVIDENCE)
    for n in (40, 50, 79, 60):
        watching.tick(n)
    assert (watching.receipts(), watching.plan(40)) == (1, first)


def test_an_attack_that_doubles_leaves_a_receipt_and_gets_one_new_plan(watching: World) -> None:
    first = watching.plan()
    watching.move(IncidentStatus.MONITORING)
    watching.tick(80)
    second = watching.plan(40)
    assert (watching.receipts(), second.decision_id != first.decision_id) == (2, True)
    watching.tick(120)
    assert (watching.receipts(), watching.plan(50)) == (2, second)


def test_another_detector_that_fires_is_news(watching: World) -> None:
    first = watching.plan()
    watching.tick(40, detector="tenant_ratio")
    assert watching.plan(40).decision_id != first.decision_id


@pytest.mark.parametrize("minutes", [-600, 0, 600])
def test_clocks_that_differ_neither_lose_nor_repeat_a_new_plan(watching: World, minutes: int) -> None:
    skew = timedelta(minutes=minutes)
    first = watching.plan()
    watching.tick(80, skew=skew)
    second = watching.plan(40)
    assert second.decision_id != first.decision_id
    assert [watching.plan(50), watching.plan(60)] == [second, second]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_while_it_is_verified_only_not_fixed_makes_a_new_plan(acting: World, outcome: Outcome) -> None:
    plan = acting.plan()
    acting.move(IncidentStatus.MITIGATING, IncidentStatus.VERIFYING)
    acting.tick(400)
    assert acting.plan(40) == plan
    acting.judged(outcome, NOW - timedelta(hours=1))
    renewed = acting.plan(41)
    assert (renewed.decision_id != plan.decision_id) is (outcome is Outcome.NOT_FIXED)
    assert acting.plan(42) == renewed


def test_a_plan_that_acts_is_not_made_anew_because_the_attack_grew(acting: World) -> None:
    plan = acting.plan()
    assert plan.decision is Verb.MITIGATE
    acting.tick(400)
    assert acting.plan(40) == plan
