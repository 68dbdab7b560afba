"""One incident: what is seen, what is thought, what is planned, what was done, and what people do about it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from gateway.caller import Caller
from gateway.console import asked
from gateway.console.chart import Chart, draw, step_for
from gateway.console.judged import judged
from gateway.console.page import HOME
from gateway.console.show import reading, show
from gateway.console.visitor import Reader
from gateway.context import context_of
from gateway.problem import Problem
from spine.approval import ApprovalStatus
from spine.errors import Broken
from spine.family import FAMILIES
from spine.incident import Incident, IncidentStatus
from spine.lease import LeaseState
from spine.outlook import following, impact, way_back
from spine.plan import Decision
from store import decisions, escalations, evidence, leases
from store.read import chart, incidents
from store.read.story import latest

router = APIRouter(include_in_schema=False)
_LINES = 200
_BEFORE, _AFTER = timedelta(minutes=45), timedelta(minutes=10)
_KEPT = timedelta(hours=48)


@router.get(f"{HOME}/incidents/{{incident_id}}")
def show_incident(request: Request, visitor: Reader, incident_id: UUID) -> HTMLResponse:
    """The whole incident."""
    return incident_page(request, visitor, incident_id)


def incident_page(
    request: Request,
    visitor: Caller,
    incident_id: UUID,
    *,
    status: int = 200,
    wrong: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    factor: bool = False,
) -> HTMLResponse:
    """The page; `wrong` says what was wrong with which of its forms, `typed` is what was written in them;
    `factor`: a second factor is missing.

    Raises:
        Problem: 404, the visitor's tenant has no such incident.
    """
    context = context_of(request)
    now = context.clock.now()
    with reading(request, visitor) as connection:
        incident = known_incident(connection, incident_id)
        plan, tampered = _plan(connection, incident)
        lines, total = latest(connection, incident.id, _LINES)
        held = leases.of_incident(connection, incident.id)
        values: dict[str, Any] = {
            "questions": asked.of_incident(request, connection, visitor, incident),
            "receipts": evidence.evidence_rows(connection, incident.id),
            "drawn": _chart(connection, incident, now),
            "calling": escalations.of_incident(connection, incident.id),
            "judged": judged(context, connection, incident),
        }
    values["questions"] = asked.named(request, values["questions"])
    ui = context.settings.prefect.ui_url
    return show(
        request, visitor, "incident.html", section="incidents", status=status, incident=incident, plan=plan,
        tampered=tampered, lines=lines, total=total, held=held, wrong=wrong or {}, typed=typed or {},
        lease_of={(one.decision_id, one.step): one for one in held}, over=incident.status is IncidentStatus.RESOLVED,
        revertible=[one for one in held if one.state is not LeaseState.REVERTED and one.ttl_seconds],
        factor=factor, told=_told(plan, incident, values["questions"]), times=_times(incident, plan),
        run=f"{ui}/runs/flow-run/{incident.flow_run_id}",
        known_actions=sorted(context.actions().items()), **values,
    )  # fmt: skip


def known_incident(connection: Connection, incident_id: UUID) -> Incident:
    """The tenant's incident.

    Raises:
        Problem: 404, there is none; of another tenant's nobody is told.
    """
    found = incidents.incident(connection, incident_id)
    if found is None:
        raise Problem(404, "incident.unknown", "There is no such incident in this tenant. The list has all.")
    return found


def _plan(connection: Connection, incident: Incident) -> tuple[Decision | None, str]:
    """The plan in force, and what is wrong with it when somebody changed its row."""
    try:
        return decisions.current(connection, incident.id), ""
    except Broken as error:
        return None, str(error)


def _told(plan: Decision | None, incident: Incident, questions: Sequence[asked.Asked]) -> dict[str, str]:
    if plan is None:
        return {}
    mine = [one.approval.status for one in questions if one.approval.decision_id == plan.decision_id]
    answered = None if not mine or ApprovalStatus.PENDING in mine else ApprovalStatus.APPROVED in mine
    over = incident.status is IncidentStatus.RESOLVED
    return {
        "impact": impact(plan), "next": "nothing: it has ended" if over else following(plan, answered),
        "back": way_back(plan),
    }  # fmt: skip


def _times(incident: Incident, plan: Decision | None) -> Sequence[tuple[str, timedelta | str]]:
    """How long it took from the attack's first event: the four numbers of every review, or why there is none."""
    begin = incident.first_event_at
    ends = (
        ("to detect", incident.opened_at), ("to acknowledge", incident.acknowledged_at),
        ("to mitigate", incident.mitigated_at), ("to resolve", incident.resolved_at),
    )  # fmt: skip
    missing = {name: "never" if incident.status is IncidentStatus.RESOLVED else "not yet" for name, _ in ends}
    if plan is not None and not plan.steps:
        missing["to mitigate"] = "nothing to do"
    return [(name, end - begin if end is not None else missing[name]) for name, end in ends]


def _chart(connection: Connection, incident: Incident, now: datetime) -> Chart | None:
    """What failed around the incident; None where minutes are not kept any more, or were never counted (a drill)."""
    family = FAMILIES.get(incident.kind)
    since = incident.first_event_at - _BEFORE
    if family is None or incident.synthetic or since < now - _KEPT:
        return None
    end = incident.resolved_at or now
    until = min(now, end + _AFTER)
    found = chart.series(connection, (*family.failures, *family.stopped), since, until, step_for(until - since))
    return draw(f"Failed {family.noun}", found, [(incident.first_event_at, end)])
