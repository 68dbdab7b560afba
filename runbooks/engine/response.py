"""The response to one incident, from plan to end. Each call goes as far as the world lets it."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from prefect.flow_runs import asuspend_flow_run
from prefect.runtime import flow_run

from runbooks.engine.context import CURRENT, RunContext
from runbooks.engine.gate import pass_gate
from runbooks.engine.mitigate import mitigate
from runbooks.engine.rollback import roll_back
from runbooks.engine.show import incident_text, plan_text, show
from runbooks.engine.step import step
from runbooks.engine.summary import show_summary
from runbooks.engine.verify import verify
from spine.approval import Approval, ApprovalStatus
from spine.incident import IncidentStatus
from spine.lease import LeaseState
from spine.plan import Decision, Gate, Step, Verb
from spine.verdict import Outcome
from store import leases
from tasks.diagnosing import ask_all, unanswered
from tasks.mitigating import denied_steps, finish_without_effect
from tasks.planning import plan_incident
from tasks.progress import escalate, move, owned, resolve
from tasks.verifying import begin_verification, stop_harm

_PAUSE_SECONDS = 1.0
_SHORT = timedelta(seconds=5)
"""A wait this short is slept through; a longer one suspends the run."""
_SHORT_WAITS = 10
"""What does not come after so many of them takes long: a run that waits must not keep others from running."""
_ACTS = (Verb.MITIGATE, Verb.CONTAIN)
_ACTED = (IncidentStatus.MITIGATED, IncidentStatus.ROLLING_BACK)


async def respond(context: RunContext) -> str:
    """Take the incident as far as it goes; returns a sentence for the run's final state.

    Restarts from the top whenever the run resumes or a new one takes over: every part looks at the ledger first.
    """
    CURRENT.set(context)
    incident, began, resumed = context.incident(), context.now(), (flow_run.run_count or 1) > 1
    if incident.status is IncidentStatus.RESOLVED:
        return "the incident is resolved"
    if not resumed:  # else it was shown before, and now every tenth of a second counts
        await show("incident", incident, incident_text(incident), "What happened")
    if incident.status is IncidentStatus.ESCALATED:
        await roll_back("the incident was handed to people")
        return "escalated: people decide what happens next"
    while True:
        if keys := unanswered(context.database, context.settings, context.runbook, context.incident_id, context.now()):
            await inquire(keys)
        decision = plan()
        if not resumed or decision.created_at >= began:
            await show("plan", incident, plan_text(decision), "What is proposed, and why")
        if decision.decision not in _ACTS:
            return await _no_action(context, decision)
        if context.incident().status not in _ACTED:
            approvals = await _act(context, decision)
            if not _in_force(context):
                return await _nothing_in_force(context, approvals)
        if await _verified(context, decision):
            return await _finish(context, decision)


@step("ask the diagnostics")
async def inquire(keys: tuple[str, ...]) -> dict[str, str]:
    """What diagnostics found, by their keys."""
    context = CURRENT.get()
    answers = await ask_all(
        context.database, context.settings, keys, context.incident_id, fence=context.fence, now=context.now()
    )
    return {answer.key: answer.state.value for answer in answers}


@step("diagnose and decide")
def plan() -> Decision:
    """The frozen plan of the incident."""
    context = CURRENT.get()
    return plan_incident(
        context.database, context.settings, context.runbook, context.incident_id, fence=context.fence, now=context.now()
    )


async def _act(context: RunContext, decision: Decision) -> list[Approval]:
    """Every group of steps behind its own gate, in order; a refused group is skipped, the others go on."""
    approvals = []
    for gate, steps in _groups(decision):
        if gate is not Gate.ALLOW:
            approval = await pass_gate(context, decision, gate, steps)
            approvals.append(approval)
            if approval.status is not ApprovalStatus.APPROVED:
                continue
        if not _done(context, decision, steps):
            await mitigate(str(context.incident_id), [s.order for s in steps])
    return approvals


def _groups(decision: Decision) -> Iterator[tuple[Gate, tuple[Step, ...]]]:
    """Steps that follow each other behind the same gate are one question."""
    runnable = sorted((s for s in decision.steps if s.gate is not Gate.DENY), key=lambda s: s.order)
    for gate, steps in groupby(runnable, key=lambda s: s.gate):
        yield gate, tuple(steps)


def _done(context: RunContext, decision: Decision, steps: tuple[Step, ...]) -> bool:
    """True when every step has a lease that has left its beginning behind, or was refused at execution."""
    begun = (LeaseState.INTENDED, LeaseState.APPLYING, LeaseState.UNKNOWN)
    with context.database.system() as connection:
        settled = {
            lease.step
            for lease in leases.of_incident(connection, context.incident_id)
            if lease.decision_id == decision.decision_id and lease.state not in begun
        } | denied_steps(connection, decision)
    return settled >= {s.order for s in steps}


def _in_force(context: RunContext) -> bool:
    """True while the incident holds an effect that would have to end."""
    with context.database.system() as connection:
        held = leases.of_incident(connection, context.incident_id)
    return any(lease.state is not LeaseState.REVERTED and lease.ttl_seconds is not None for lease in held)


async def _no_action(context: RunContext, decision: Decision) -> str:
    """Watch, or hand over: whatever was tried before is taken back, for nothing stronger is safe."""
    if context.incident().status in (IncidentStatus.OPEN, IncidentStatus.MONITORING):
        with context.database.system() as connection:
            incident = owned(connection, context.incident_id, context.fence)
            if decision.decision is Verb.ESCALATE:
                escalate(connection, context.settings, incident, "nothing automatic is safe enough", context.now())
            else:
                move(
                    connection, incident, IncidentStatus.MONITORING, at=context.now(),
                    summary=f"Watching: {decision.decision.value}, confidence {decision.confidence:.2f}",
                )  # fmt: skip
        return f"{decision.decision.value}: no action"
    await roll_back("what was tried was not enough, and nothing stronger is safe")
    _escalate(context, "what was tried was not enough, and nothing stronger is safe")
    await show_summary(context)
    return f"{decision.decision.value}: handed to people"


async def _nothing_in_force(context: RunContext, approvals: list[Approval]) -> str:
    """Everything was denied, expired or refused: people take over."""
    answers = ", ".join(f"{a.gate.label} {a.status.value}" for a in approvals) or "no step could run"
    finish_without_effect(
        context.database, context.settings, context.incident_id, answers, context.fence, context.now()
    )
    await show_summary(context)
    return f"nothing is in force ({answers})"


async def _verified(context: RunContext, decision: Decision) -> bool:
    """True when verification is over; False when the plan was not enough and the next one is due."""
    status = context.incident().status
    if status in (IncidentStatus.MITIGATING, IncidentStatus.AWAITING_APPROVAL, IncidentStatus.VERIFYING):
        outcome = await _verify(context, decision)
        if outcome is Outcome.INCONCLUSIVE:
            _escalate(context, "verification stayed inconclusive, though it was given more time once")
    return context.incident().status is not IncidentStatus.VERIFYING


async def _finish(context: RunContext, decision: Decision) -> str:
    """Hold what works until its leases end; roll back what failed; close."""
    if context.incident().status is IncidentStatus.MITIGATED:
        await _hold(context, decision)
    if context.incident().status is IncidentStatus.ROLLING_BACK:
        await roll_back("verification: not fixed, or harmful")
        _escalate(context, "the mitigation was rolled back: it did not help, or it hurt")
    if context.incident().status is IncidentStatus.MITIGATED:
        with context.database.system() as connection:
            incident = owned(connection, context.incident_id, context.fence)
            resolve(connection, context.settings, incident, "mitigated, and every lease has ended", context.now())
    await show_summary(context)
    return f"the incident is {context.incident().status.value}"


async def _verify(context: RunContext, decision: Decision) -> Outcome:
    """The verdict; suspends the run until one can be given. What has ended before cannot be judged any more."""
    begin_verification(context.database, decision, context.incident_id, fence=context.fence, now=context.now())
    round_number = 0
    while True:
        outcome, pending = await verify(str(context.incident_id))
        if not pending:
            return outcome
        if not _in_force(context):
            return Outcome.INCONCLUSIVE
        due = context.incident().verify_after or context.now()
        await _wait(context, due, "verify", round_number)
        round_number += 1


async def _hold(context: RunContext, decision: Decision) -> None:
    """Until every lease has ended, or does harm; reconcile ends them, watches, and wakes the run."""
    round_number = 0
    while _in_force(context):
        if stop_harm(
            context.database, context.settings, decision, context.incident_id, fence=context.fence, now=context.now()
        ):
            return
        with context.database.system() as connection:
            ends = [one.expires_at for one in leases.of_incident(connection, context.incident_id) if one.expires_at]
        await _wait(context, max(ends, default=context.now()), "hold", round_number)
        round_number += 1


async def _wait(context: RunContext, until: datetime, what: str, round_number: int) -> None:
    """Sleep through a short wait, a few times; suspend for a longer one, with reconcile to wake the run."""
    left = until - context.now()
    if left < _SHORT and round_number < _SHORT_WAITS:
        await asyncio.sleep(_PAUSE_SECONDS)
        return
    timeout = int(max(left, _SHORT).total_seconds()) + 3600
    await asuspend_flow_run(key=f"{what}-{context.fence}-{round_number}", timeout=timeout)


def _escalate(context: RunContext, because: str) -> None:
    with context.database.system() as connection:
        incident = owned(connection, context.incident_id, context.fence)
        escalate(connection, context.settings, incident, because, context.now())
