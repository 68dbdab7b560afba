"""Every positive drill as far as its plan, without processes: evidence, its own clock, incident, decision."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runbooks import catalogue
from runbooks.drills import drill_named, drills
from spine.diagnostic import State
from spine.drill import Drill, Stage, drill_settings
from spine.drill_score import Seen, judge
from spine.event import Event, parse_event
from spine.ids import TenantId
from spine.incident import Incident, IncidentKind
from spine.message import Envelope, incident_message
from spine.notification import Topic
from spine.plan import Gate
from spine.settings import Settings
from store import incidents
from store.drill_events import evidence_of
from store.drills import DrillRun, begin, get
from store.engine import Database
from store.ingest import ingest
from tasks.answering import answers_in
from tasks.detecting import tick
from tasks.diagnosing import unanswered
from tasks.drilling import Play, open_incident, watch
from tasks.observing import observe
from tasks.planning import plan_incident

TENANT = TenantId("acme")
NOW = datetime(2026, 3, 2, 10, 7, 31, tzinfo=UTC)
LATER = NOW + timedelta(seconds=20)
FIRST = IncidentKind.FAILED_LOGINS_SPIKE
ALL = [(kind, drill) for kind, declared in drills().items() for drill in declared if not drill.negative]
ABOUT_THE_PLAN = {"type", "severity", "decision", "steps and gates", "denied", "spared"}
Prepare = Callable[[IncidentKind, Drill], Play]


@pytest.fixture
def play(database: Database) -> Prepare:
    """A registered drill whose evidence is stored."""

    def prepare(kind: IncidentKind, drill: Drill) -> Play:
        run = DrillRun(
            id="d1", tenant_id=TENANT, kind=kind, name=drill.name, negative=drill.negative, seed=1, unattended=True,
            who="test", started_at=NOW, gives_up_at=NOW + timedelta(minutes=5),
        )  # fmt: skip
        stage = Stage(tenant=TENANT, seed=1, end=NOW)
        with database.system() as connection:
            begin(connection, run)
        ingest(database, TENANT, [_marked(number, raw) for number, raw in enumerate(drill.script(stage))])
        settings = Settings()
        return Play(run=run, drill=drill, runbook=catalogue()[kind], stage=stage, settings=settings, database=database)

    return prepare


def _marked(number: int, raw: dict[str, object]) -> Event:
    event = parse_event(
        {"id": f"d1-{number}", "synthetic": True, "drill_id": "d1", **raw}, now=LATER, tenant=TENANT
    )  # fmt: skip
    assert isinstance(event, Event), event
    return event


def opened(play: Play) -> tuple[Incident, Seen]:
    """The drill's incident with its plan, and what is seen of it."""
    found = watch(play)
    incident = open_incident(play, found, LATER)
    assert incident is not None, found.opened
    settings = drill_settings(play.settings, play.drill)
    plan_incident(play.database, settings, play.runbook, incident.id, fence=0, now=LATER)
    with play.database.system() as connection:
        return incident, observe(connection, play, found, incident.id)


@pytest.mark.parametrize(("kind", "drill"), ALL, ids=[f"{kind.value.lower()}-{drill.name}" for kind, drill in ALL])
def test_the_plan_is_the_one_the_drill_expects(kind: IncidentKind, drill: Drill, play: Prepare) -> None:
    _, seen = opened(play(kind, drill))
    failed = [one for one in judge(drill, kind, seen) if one.name in ABOUT_THE_PLAN and not one.passed]
    assert failed == []


def test_its_incident_is_a_drills_and_tells_nobody(play: Prepare) -> None:
    played = play(FIRST, drill_named(FIRST, ""))
    incident, seen = opened(played)
    assert (incident.synthetic, incident.drill_id, incident.title[:6]) == (True, "d1", "DRILL:")
    assert seen.calls == ()
    with played.database.system() as connection:
        assert connection.exec_driver_sql("select count(*) from outbox").scalar() == 0
        run = get(connection, "d1")
    assert run is not None
    assert run.incident_id == incident.id


def test_a_runbook_that_was_not_drilled_waits_for_approval_and_its_plan_says_why(play: Prepare) -> None:
    """Of a drill the plan is what it would be once it is passed; of the real thing, what it is now."""
    played = play(FIRST, drill_named(FIRST, ""))
    with played.database.owner() as connection:
        connection.exec_driver_sql("update installation set at = '2025-01-01'")
    incident, seen = opened(played)
    assert seen.steps["rate_limit.strict"] is Gate.ALLOW
    with played.database.owner() as connection:  # the same evidence, as if it were real
        connection.exec_driver_sql("update decisions set superseded_at = now()")
        connection.exec_driver_sql("update incidents set synthetic = false, drill_id = null")
        connection.exec_driver_sql("update auth_ops_logs set synthetic = false, drill_id = null")
    settings = drill_settings(played.settings, played.drill)
    real = plan_incident(played.database, settings, played.runbook, incident.id, fence=0, now=LATER)
    gates = {step.action_key: step.gate for step in real.steps}
    assert gates == {**seen.steps, "rate_limit.strict": Gate.APPROVE, "captcha.require": Gate.APPROVE}
    (step,) = (step for step in real.steps if step.action_key == "rate_limit.strict")
    assert any("never drilled" in result.because for result in step.guard_results)


def test_messages_of_a_drill_begin_with_the_word(play: Prepare) -> None:
    played = play(FIRST, drill_named(FIRST, ""))
    incident, _ = opened(played)
    envelope = Envelope(
        id=incident.id, topic=Topic.INCIDENT_OPENED, severity=incident.severity, at=NOW, app_name="Shop"
    )  # fmt: skip
    told = incident_message(envelope, incident, None, {}, impact="none")
    assert told.title.startswith("DRILL")
    assert told.headline.startswith("DRILL")
    real = incident_message(envelope, replace(incident, synthetic=False, title="t"), None, {}, impact="none")
    assert "DRILL" not in real.title + real.headline


def test_no_diagnostic_is_asked_for_what_the_drill_says_itself(play: Prepare) -> None:
    played = play(FIRST, drill_named(FIRST, ""))
    incident, _ = opened(played)
    assert unanswered(played.database, played.settings, played.runbook, incident.id, LATER) == ()
    with played.database.system() as connection:
        answers = {answer.key: answer for answer in answers_in(incidents.evidence_rows(connection, incident.id))}
    assert set(answers) == set(played.runbook.asks)
    assert {answers[key].state for key in played.runbook.asks} <= {State.UNKNOWN}, "this drill scripts no answer"


@pytest.mark.parametrize(("kind", "drill"), ALL, ids=[f"{kind.value.lower()}-{drill.name}" for kind, drill in ALL])
def test_real_windows_never_see_its_evidence(kind: IncidentKind, drill: Drill, play: Prepare) -> None:
    played = play(kind, drill)
    result = tick(played.database, played.settings, NOW)
    assert (result.folded, result.findings, result.openings) == (0, [], [])
    with played.database.system() as connection:
        assert connection.exec_driver_sql("select count(*) from auth_metric_minutes").scalar() == 0
        assert len(evidence_of(connection, TENANT, "d1")) == len(played.drill.script(played.stage))
