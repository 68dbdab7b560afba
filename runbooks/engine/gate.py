"""The gate: ask people, wait without a process, and let nothing pass that was not approved."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from prefect.flow_runs import asuspend_flow_run
from prefect.runtime import flow_run

from blocks.orchestrator import forget_input
from runbooks.engine.context import RunContext
from runbooks.engine.form import ApprovalForm
from runbooks.engine.show import gate_text
from spine.approval import Approval, ApprovalStatus
from spine.errors import OpsSpineError
from spine.person import PersonRef
from spine.plan import Decision, Gate, Step
from store import incidents
from store.decide import decide
from tasks.gating import close_gate, open_gate, settle_gate

_GRACE = timedelta(minutes=2)
"""Beyond an approval's expiry: reconcile expires it and wakes the run; Prefect's own timeout is the last resort."""


async def pass_gate(context: RunContext, decision: Decision, gate: Gate, steps: Sequence[Step]) -> Approval:
    """The decided approval of `steps`; while it is pending this suspends the run, and so does not return.

    A resumed run comes here again from its top: an answered form is read, judged by the one `decide()`, and
    deleted; a form that policy refuses suspends the run again and says why.
    """
    run = UUID(str(flow_run.id))
    approval = open_gate(
        context.database, context.settings, decision,
        gate=gate, steps=steps, run=run, fence=context.fence, now=context.now(),
    )  # fmt: skip
    refusal, attempt = "", 0
    while approval.status is ApprovalStatus.PENDING:
        key = f"{approval.id}-{attempt}"
        form = await asuspend_flow_run(
            wait_for_input=ApprovalForm.with_initial_data(
                description=_description(context, decision, gate, steps, refusal)
            ),
            key=key,
            timeout=max(1, int((approval.expires_at - context.now() + _GRACE).total_seconds())),
        )
        refusal = _judge(context, approval, form)
        await forget_input(run, f"suspended-{key}-response")
        approval = settle_gate(context.database, context.settings, approval.id, context.now())
        attempt += 1
    close_gate(context.database, approval.id, context.now())
    return approval


def _judge(context: RunContext, approval: Approval, form: ApprovalForm) -> str:
    """Put the form to the one `decide()`; returns why it was not accepted, or "".

    A form left as it was decides nothing: Slack or the CLI did, or somebody pressed the button too early.
    """
    if form.decision == "decided elsewhere":
        return ""
    try:
        person = PersonRef.by_email(form.approver)
    except OpsSpineError as error:
        return str(error)
    outcome = decide(
        context.database,
        approval.id,
        person=person,
        vote=form.decision,
        via="prefect",
        reason=form.reason,
        totp=form.totp or None,
        settings=context.settings,
    )
    return "" if outcome.counted else outcome.message


def _description(context: RunContext, decision: Decision, gate: Gate, steps: Sequence[Step], refusal: str) -> str:
    with context.database.system() as connection:
        incident = incidents.get(connection, context.incident_id)
    return gate_text(incident, decision, steps, gate, refusal)
