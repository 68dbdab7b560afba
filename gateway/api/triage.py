"""`/api/ops/queue` and what incidents were: the order in which to look, and the word that models learn from.

No model is loaded here: a run has stored a number beside the incident (flows/ml_rank.py), and lists are sorted by it.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.api.answer import IdempotencyKey, known, once
from gateway.api.view import IncidentView, SeverityLabel, View
from gateway.auth import Scope
from gateway.caller import Caller, calling
from gateway.context import Context, context_of
from gateway.paging import Limit
from spine.outcome import CAUSES, Outcome
from spine.score import Score
from spine.severity import Severity
from store import outcomes, scores
from store.read import incidents as rows
from store.read.helped import helped
from store.read.queue import Queued, queue

router = APIRouter(prefix="/api/ops", tags=["incidents"])
Reader = Annotated[Caller, Depends(calling(Scope.INCIDENTS_READ))]
Writer = Annotated[Caller, Depends(calling(Scope.INCIDENTS_WRITE))]
_LABELS: tuple[SeverityLabel, ...] = ("info", "medium", "high", "critical")


def _known_cause(cause: str) -> str:
    if cause not in CAUSES:
        raise ValueError(f"there is no such cause; there are {', '.join(CAUSES)}")
    return cause


Cause = Annotated[str, AfterValidator(_known_cause)]


class Labelled(BaseModel):
    """What an incident was, as far as somebody knows."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"outcome": "benign", "cause": "deploy"}]}
    )
    outcome: Outcome
    cause: Cause | None = Field(default=None, description=f"One of {', '.join(CAUSES)}; null = not known.")


class OutcomeView(View):
    """What somebody said an incident was."""

    outcome: Outcome
    cause: str | None = Field(default=None, examples=["deploy"])
    said_by: str = Field(examples=["person:ann@example.org"])
    said_at: datetime


class ReasonView(View):
    """A feature that moved the probability."""

    feature: str = Field(examples=["margin"])
    value: str = Field(examples=["3.2"])
    effect: float = Field(description="By how much the usual value in its place would lower the probability: -1..1.")


class TriageView(View):
    """What the model in use says. It orders lists; no decision and no action reads it."""

    model: int
    probability: float = Field(ge=0, le=1, description="Calibrated chance that there is something to do about it.")
    cause: str | None = Field(default=None, description="Likely cause.")
    cause_probability: float = Field(ge=0, le=1)
    severity: SeverityLabel = Field(description="How bad it is likely to get.")
    reasons: list[ReasonView] = Field(description="What moved the probability, strongest first.")
    scored_at: datetime

    @classmethod
    def of(cls, one: Score) -> "TriageView":
        """The score as it is shown."""
        return cls(
            model=one.model_number, probability=round(one.probability, 4), cause=one.cause or None,
            cause_probability=round(one.cause_probability, 4), severity=_LABELS[Severity(one.severity)],
            reasons=[ReasonView(feature=r.feature, value=r.value, effect=r.effect) for r in one.reasons],
            scored_at=one.scored_at,
        )  # fmt: skip


class QueueItem(View):
    """A live incident with what is thought of it."""

    incident: IncidentView
    triage: TriageView | None = Field(default=None, description="null = no model is in use, or it has not judged yet.")

    @classmethod
    def of(cls, one: Queued) -> "QueueItem":
        """The incident and its triage as they are shown."""
        return cls(
            incident=IncidentView.of(one.incident), triage=TriageView.of(one.score) if one.score is not None else None
        )


class HelpedView(View):
    """How often a proposed action helped at this kind of incident before, in this tenant."""

    action: str = Field(examples=["rate_limit.strict"])
    fixed: int = Field(description="Incidents that were verified as fixed with it in force, alone or beside others.")
    tried: int = Field(description="Incidents that came to a verdict with it in force.")


class Judged(View):
    """What a model says of an incident, and what somebody says it was."""

    triage: TriageView | None = None
    outcome: OutcomeView | None = None
    proposed: list[HelpedView] = Field(
        default=[], description="What the plan proposes, most often helpful first. It is done in the plan's order."
    )


@router.get("/queue")
def show_queue(
    request: Request,
    caller: Reader,
    order: Annotated[
        Literal["worst", "suggested"],
        Query(description="Worst and oldest first; or as the model in use suggests, what is critical first."),
    ] = "worst",
    drills: Annotated[bool, Query(description="Those of drills, too.")] = False,
    limit: Limit = 50,
) -> list[QueueItem]:
    """Live incidents in the order in which to look at them. Without a model both orders are the same."""
    context = context_of(request)
    with context.database.tenant(caller.tenant) as connection:
        found = queue(
            connection, suggested=order == "suggested", judged=context.settings.ml.enabled, drills=drills, limit=limit
        )
    return [QueueItem.of(one) for one in found]


@router.get("/incidents/{incident_id}/triage")
def show_triage(request: Request, caller: Reader, incident_id: UUID) -> Judged:
    """What the model in use says of an incident, with its reasons, and what somebody said it was."""
    context = context_of(request)
    with context.database.tenant(caller.tenant) as connection:
        incident = known(rows.incident(connection, incident_id), "incident")
        plan = rows.plan(connection, incident_id) or {}
        proposed = helped(connection, incident.kind, [step["action_key"] for step in plan.get("steps", [])])
        said = outcomes.said(connection, incident_id)
        found = scores.of_incidents(connection, [incident_id]) if context.settings.ml.enabled else {}
    score = found.get(incident_id)
    return Judged(
        proposed=[HelpedView(action=one.action, fixed=one.fixed, tried=one.tried) for one in proposed],
        triage=TriageView.of(score) if score else None,
        outcome=OutcomeView(outcome=said.outcome, cause=said.cause or None, said_by=said.said_by, said_at=said.said_at)
        if said
        else None,
    )


@router.put("/incidents/{incident_id}/outcome", response_model=OutcomeView)
def label_incident(
    request: Request, caller: Writer, incident_id: UUID, asked: Labelled, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Say what an incident was: real, a false alarm, or something harmless. The latest word counts, all are audited."""
    context = context_of(request)
    return once(
        context, caller, request, idempotency_key, asked, lambda: say_outcome(context, caller, incident_id, asked)
    )


def say_outcome(context: Context, caller: Caller, incident_id: UUID, asked: Labelled) -> OutcomeView:
    """Write down what the caller says the incident was.

    Raises:
        Problem: 404, the caller's tenant has no such incident.
    """
    now = context.clock.now()
    with context.database.system() as connection:
        done = outcomes.say(
            connection, caller.tenant, incident_id, asked.outcome, asked.cause or "", actor=caller.actor, now=now
        )
    known(done, "incident")
    return OutcomeView(outcome=asked.outcome, cause=asked.cause, said_by=caller.actor, said_at=now)
