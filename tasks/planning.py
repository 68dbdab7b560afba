"""Diagnose and decide: freezes an incident's case into a plan, once."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from spine.audit import AuditAction
from spine.case import Case, Diagnosis
from spine.decision.engine import decide
from spine.decision.rules import FlagState, Rules
from spine.detect.entity.sighting import USER
from spine.detect.subject import is_everybody
from spine.detect.summary import hashed
from spine.hook import DecisionMade, Hook
from spine.ids import IncidentId, TenantId
from spine.incident import Incident
from spine.plan import Decision
from spine.reach import Reach
from spine.rehearsal import Rehearsal, rehearsal
from spine.runbook import Runbook
from spine.settings import Settings
from store import audit, decisions, drills, flags, incidents, people
from store.engine import Database
from store.hooks import hooks
from tasks.casing import read_case
from tasks.identity.fact import with_identity
from tasks.mitigations import actions
from tasks.outdating import outdated
from tasks.progress import ACTOR, owned


def plan_incident(
    database: Database, settings: Settings, runbook: Runbook, incident_id: IncidentId, *, fence: int, now: datetime
) -> Decision:
    """The incident's plan: the frozen one, or, when there is none, one made now.

    A resumed run re-reads the frozen row and does not diagnose again, unless the engine chose to wait and new
    evidence came in, or the plan was carried out and turned out not to be enough.

    Raises:
        Refused: a newer run has taken the incident.
    """
    with database.system() as connection:
        incident = owned(connection, incident_id, fence)
        frozen = standing(connection, incident)
        state = flag_states(connection, incident.tenant_id)
        if frozen is not None:
            return frozen
        undrilled = _undrilled(connection, settings, runbook, incident, now)
    rules = Rules.of(settings, tenants=Reach.of(incident).tenants, undrilled=undrilled)
    rules = with_identity(rules, database, settings, incident, runbook.ladder, now=now)
    case = replace(read_case(database, incident, now), site=rules.site)
    diagnosis = runbook.diagnose(case)
    specs = {key: mitigation.spec for key, mitigation in actions().items()}
    decision = decide(case, diagnosis, runbook, specs, rules=rules, flags=state)
    with database.system() as connection:
        incident = owned(connection, incident_id, fence)
        decisions.save(connection, decision)
        _record(connection, incident, case, diagnosis, decision, now)
    told = DecisionMade(tenant=incident.tenant_id, decision=decision, by=ACTOR)
    hooks(database, settings).observe(Hook.ON_DECISION, told)
    return decision


def _undrilled(connection: Connection, settings: Settings, runbook: Runbook, incident: Incident, now: datetime) -> str:
    """Why nothing may be automatic, for want of a drill; a drill itself shows what is automatic once it is passed."""
    return "" if incident.synthetic else rehearsal_of(connection, runbook, settings).undrilled(now)


def rehearsal_of(connection: Connection, runbook: Runbook, settings: Settings) -> Rehearsal:
    """How well rehearsed a runbook is."""
    return rehearsal(
        runbook,
        {key: mitigation.spec for key, mitigation in actions().items()},
        last_passed=drills.last_passed(connection).get(runbook.kind),
        installed_at=drills.installed_at(connection),
        settings=settings.drill,
    )


def standing(connection: Connection, incident: Incident) -> Decision | None:
    """The incident's frozen plan; None when there is none, or a new one should be made."""
    frozen = decisions.current(connection, incident.id)
    return None if frozen is None or outdated(connection, incident, frozen) else frozen


def flag_states(connection: Connection, tenant: TenantId) -> dict[str, FlagState]:
    """The base of every flag of the tenant."""
    return {
        key: FlagState(version=flag.version, value=flag.definition.variants[flag.definition.default_variant])
        for key, flag in flags.all_flags(connection, tenant).items()
    }


def affected(connection: Connection, case: Case, diagnosis: Diagnosis) -> list[str]:
    """People of ours whose own account was attacked, broken into, or is what the incident is about: they may not
    decide about it, even where the events can no longer be read and findings name users by hashes alone."""
    attacked = case.logins.loc[case.logins["attack"], "user_id"].dropna().unique() if len(case.logins) else []
    incident, named = case.incident, {str(user) for user in (*attacked, *diagnosis.compromised_users)}
    if is_everybody(incident.subject):
        named = {user.partition("/")[2] for user in named}  # store/reach.py puts the tenant before it
    suspects = {user.lower() for user in named}
    marked = {incident.subject.removeprefix(USER), *incident.summary.get("users", ())}
    tenants = [incident.tenant_id, *(TenantId(t) for t in incident.summary.get("tenants", ()))]
    return sorted(
        str(person.id)
        for person in people.everybody(connection)
        if person.email in suspects or any(hashed(tenant, person.email) in marked for tenant in tenants)
    )


def _record(
    connection: Connection, incident: Incident, case: Case, diagnosis: Diagnosis, decision: Decision, now: datetime
) -> None:
    kept = incidents.add_evidence(
        connection, incident.tenant_id, incident.id, source="diagnosis", query=decision.ruleset_version,
        window_start=case.window_start, window_end=case.now, n=len(case.logins), observed=dict(diagnosis.numbers),
        threshold={}, at=now,
        body={
            "class": diagnosis.attack_class, "summary": diagnosis.summary, "confirmed_by": diagnosis.confirmed_by,
            "addresses": list(diagnosis.addresses[:1000]), "compromised": len(diagnosis.compromised_users),
            "missing": list(diagnosis.missing),
            "affected_people": affected(connection, case, diagnosis),
        },
    )  # fmt: skip
    incidents.append_timeline(connection, incident, now, "diagnosis", ACTOR, f"Diagnosed: {diagnosis.summary}")
    steps = ", ".join(f"{s.action_key} ({s.gate.label})" for s in decision.steps) or "nothing to do"
    incidents.append_timeline(
        connection, incident, now, "decision", ACTOR,
        f"Decided {decision.decision.value} at confidence {decision.confidence:.2f}: {steps}",
        {"decision": str(decision.decision_id), "plan_hash": decision.plan_hash},
    )  # fmt: skip
    for action, after in (
        (
            AuditAction.DIAGNOSIS_COMPLETED,
            {"class": diagnosis.attack_class, "summary": diagnosis.summary, "evidence": [kept.sha256]},
        ),
        (
            AuditAction.DECISION_CREATED,
            {
                "decision": decision.decision.value, "confidence": decision.confidence,
                "steps": [f"{s.order} {s.action_key} {s.gate.label}" for s in decision.steps],
                "denied": [s.action_key for s in decision.denied],
            },
        ),
    ):  # fmt: skip
        audit.append(
            connection, incident.tenant_id, action, actor=ACTOR, at=now, subject=f"decision:{decision.decision_id}",
            incident_id=incident.id, plan_hash=decision.plan_hash, after=after,
        )  # fmt: skip
