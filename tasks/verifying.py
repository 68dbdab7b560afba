"""Verification: did the mitigation help, and did it hurt? Asked of the events, not of the mitigation."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from spine.audit import AuditAction
from spine.errors import Broken
from spine.family import family_of
from spine.ids import IncidentId
from spine.incident import Incident, IncidentStatus
from spine.lease import Lease, LeaseState
from spine.notification import Topic
from spine.plan import Decision, VerifyCriteria
from spine.reach import Reach
from spine.sample import samples
from spine.settings import Settings
from spine.span import span
from spine.verdict import Outcome, Sample, Verdict, judge
from store import audit, decisions, events, incident_rows, incidents, known, leases
from store.engine import Database
from tasks.leasing import extend_incident, ports_of
from tasks.progress import ACTOR, move, owned, tell

_WATCHED = timedelta(hours=1)
_IN_FORCE = (LeaseState.ACTIVE, LeaseState.VERIFIED)


def begin_verification(
    database: Database, decision: Decision, incident_id: IncidentId, *, fence: int, now: datetime
) -> datetime:
    """The incident is being verified from now on; returns when the verdict is due at the latest."""
    criteria = _criteria(decision)
    with database.system() as connection:
        incident = owned(connection, incident_id, fence)
        if incident.status is IncidentStatus.VERIFYING and incident.verify_after is not None:
            return incident.verify_after
        due = _applied_at(leases.of_incident(connection, incident_id), now) + criteria.deadline + criteria.hold
        due += criteria.window
        move(
            connection, incident, IncidentStatus.VERIFYING, at=now, verify_after=due,
            summary=f"Verifying until {due:%H:%M:%S} UTC: failures at most {criteria.max_failures_per_window:.0f} per "
            f"{span(criteria.window)} for {span(criteria.hold)}",
        )  # fmt: skip
    return due


def look(
    database: Database, decision: Decision, incident: Incident, now: datetime, *, at_most: timedelta | None = None
) -> tuple[Verdict, list[Sample]]:
    """The verdict at `now`, and the samples it rests on: since the effect, `at_most` so far back. Changes nothing."""
    criteria, family, asked = _criteria(decision), family_of(incident.kind), Reach.of(incident)
    with database.system() as connection:
        applied_at = _since(connection, incident, now)
        if at_most is not None:
            applied_at = max(applied_at, now - at_most)
        logins = events.recent_events(connection, asked, family, applied_at, now)
        good = known.known_before(
            connection, asked, incident.first_event_at,
            users=sorted({str(u) for u in logins["user_id"].dropna()}),
            addresses=sorted({str(a) for a in logins["ip"].dropna()}), family=family,
        )  # fmt: skip
        reach = known.watermark(connection, asked)
    found = samples(
        logins, applied_at=applied_at, now=now, window=criteria.window, watermark=reach, known_users=good.users,
        known_addresses=good.addresses, suspects=incident.summary.get("addresses", ()),
        family=family, shares=criteria.shares, lingering=criteria.lingering,
    )  # fmt: skip
    return judge(criteria, found, applied_at=applied_at, now=now), found


def conclude(
    database: Database, settings: Settings, decision: Decision, incident_id: IncidentId, *, fence: int, now: datetime
) -> Verdict:
    """The verdict, recorded: evidence with its samples, timeline, audit entry, news, and the incident's state.

    Fixed: the incident is mitigated and its leases verified. Not fixed: the next plan is due, or, after the last
    one, it is rolling back. Harmful: it is rolling back. Too early to say: nothing is recorded. Inconclusive for
    the first time: what is in force is prolonged, and verification looks again.

    Raises:
        Refused: a newer run has taken the incident.
    """
    with database.system() as connection:
        incident = owned(connection, incident_id, fence)
    verdict, found = look(database, decision, incident, now)
    if verdict.pending:
        return verdict
    if verdict.outcome is Outcome.INCONCLUSIVE and _more_time(
        database, settings, decision, incident, verdict, found, fence, now
    ):
        return replace(verdict, pending=True)
    with database.system() as connection:
        incident = owned(connection, incident_id, fence)
        last_plan = decisions.acting(connection, incident_id) >= settings.decision.max_plans
        kept = _evidence(connection, incident, verdict, found, now)
        if verdict.outcome is Outcome.FIXED:
            _verified(connection, incident, verdict, now)
        elif verdict.outcome is Outcome.HARMFUL or (verdict.outcome is Outcome.NOT_FIXED and last_plan):
            move(connection, incident, IncidentStatus.ROLLING_BACK, at=now, summary=f"Rolling back: {verdict.because}")
        tell(
            connection, settings, incident, Topic.VERIFICATION_COMPLETED, now=now,
            dedupe=f"verification:{incident.id}:{now:%Y%m%d%H%M%S}", outcome=verdict.outcome.value,
            because=verdict.because,
        )  # fmt: skip
        _audit(connection, decision, incident, verdict, now, kept)
    return verdict


def harmful(database: Database, decision: Decision, incident: Incident, now: datetime) -> Verdict | None:
    """While what was verified is still in force: the verdict of the last hour if it hurts people, else None."""
    verdict, _ = look(database, decision, incident, now, at_most=_WATCHED)
    return verdict if verdict.outcome is Outcome.HARMFUL else None


def stop_harm(
    database: Database, settings: Settings, decision: Decision, incident_id: IncidentId, *, fence: int, now: datetime
) -> bool:
    """Guard V0 after verification: an incident whose mitigation came to hurt people is rolling back; True = it is."""
    with database.system() as connection:
        incident = owned(connection, incident_id, fence)
    verdict = harmful(database, decision, incident, now)
    if verdict is None:
        return False
    with database.system() as connection:
        incident = owned(connection, incident_id, fence)
        move(connection, incident, IncidentStatus.ROLLING_BACK, at=now, summary=f"Rolling back: {verdict.because}")
        _audit(connection, decision, incident, verdict, now)
    return True


def _audit(
    connection: Connection, decision: Decision, incident: Incident, verdict: Verdict, now: datetime, *kept: str
) -> None:
    """The entry; `kept` are hashes of the evidence it rests on."""
    audit.append(
        connection, incident.tenant_id, AuditAction.VERIFICATION_COMPLETED, actor=ACTOR, at=now,
        subject=f"incident:{incident.id}", incident_id=incident.id, plan_hash=decision.plan_hash,
        outcome=verdict.outcome.value,
        after={"because": verdict.because, "cause": verdict.cause.value, **verdict.numbers},
        detail={"evidence": list(kept)} if kept else None,
    )  # fmt: skip


def _more_time(
    database: Database,
    settings: Settings,
    decision: Decision,
    incident: Incident,
    verdict: Verdict,
    found: list[Sample],
    fence: int,
    now: datetime,
) -> bool:
    """The first time nothing can be said: look again from now on, with what is in force prolonged; True = so."""
    criteria = _criteria(decision)
    with database.system() as connection:
        if _inconclusive(connection, incident):
            return False
    extend_incident(database, incident.id, ports=ports_of(settings))  # again, if this is interrupted: within bounds
    with database.system() as connection:
        owned(connection, incident.id, fence)
        _evidence(connection, incident, verdict, found, now)
        incident_rows.update(
            connection, incident.id, verify_after=now + criteria.deadline + criteria.hold + criteria.window
        )
        incidents.append_timeline(connection, incident, now, "verification", ACTOR, f"Looking again: {verdict.because}")
    return True


def _inconclusive(connection: Connection, incident: Incident) -> list[datetime]:
    """When verification could not tell, so far."""
    return [
        row["window_end"]
        for row in incidents.evidence_rows(connection, incident.id)
        if row["source"] == "verification" and row["query"] == Outcome.INCONCLUSIVE.value
    ]


def _since(connection: Connection, incident: Incident, now: datetime) -> datetime:
    """From when on the events are judged: the last effect, or the moment more time was given."""
    return max([_applied_at(leases.of_incident(connection, incident.id), now), *_inconclusive(connection, incident)])


def _verified(connection: Connection, incident: Incident, verdict: Verdict, now: datetime) -> None:
    for lease in leases.of_incident(connection, incident.id):
        if lease.state is LeaseState.ACTIVE:
            leases.advance(connection, lease.id, LeaseState.VERIFIED, expected=lease.state, fence=lease.fence)
    move(
        connection, incident, IncidentStatus.MITIGATED, at=now, mitigated_at=incident.mitigated_at or now,
        summary=f"Mitigated: {verdict.because}",
    )  # fmt: skip


def _evidence(connection: Connection, incident: Incident, verdict: Verdict, found: list[Sample], now: datetime) -> str:
    """Freezes what was seen; returns its hash."""
    start = found[0].start if found else now - timedelta(minutes=1)
    ref = incidents.add_evidence(
        connection, incident.tenant_id, incident.id, source="verification", query=verdict.outcome.value,
        window_start=start, window_end=now, n=sum(s.failures + s.stopped + s.legitimate_attempts for s in found),
        observed=verdict.numbers, threshold={}, at=now,
        body={
            "because": verdict.because,
            "cause": verdict.cause.value,
            "samples": [
                {
                    "start": s.start.isoformat(), "end": s.end.isoformat(), "failures": s.failures,
                    "stopped": s.stopped, "legitimate_attempts": s.legitimate_attempts,
                    "legitimate_successes": s.legitimate_successes, "asked": s.asked, "gave_up": s.gave_up,
                    "complete": s.complete,
                }
                for s in found
            ],
        },
    )  # fmt: skip
    return ref.sha256


def _criteria(decision: Decision) -> VerifyCriteria:
    if decision.verify is None:
        raise Broken(f"The plan {decision.decision_id} acts but says nothing of how to verify it.")
    return decision.verify


def _applied_at(held: list[Lease], now: datetime) -> datetime:
    """When the last effect came into force."""
    times = [lease.applied_at for lease in held if lease.state in _IN_FORCE and lease.applied_at is not None]
    return max(times, default=now)
