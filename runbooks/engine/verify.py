"""The verify subflow: asks the events whether the mitigation helped, and whether it hurt."""

from prefect import flow

from runbooks.engine.context import CURRENT
from runbooks.engine.show import plain, show
from runbooks.engine.step import step
from spine.errors import Broken
from spine.verdict import Outcome, Verdict
from store import decisions
from tasks.verifying import conclude


@step("judge")
def judge_now() -> Verdict:
    """The verdict at this moment, recorded when it is one."""
    context = CURRENT.get()
    with context.database.system() as connection:
        decision = decisions.current(connection, context.incident_id)
    if decision is None:
        raise Broken(f"Incident {context.incident_id} is being verified without a plan.")
    return conclude(
        context.database, context.settings, decision, context.incident_id, fence=context.fence, now=context.now()
    )


@flow(name="verify", flow_run_name="verify {incident_id:.8}", persist_result=False)
async def verify(incident_id: str) -> tuple[Outcome, bool]:
    """Judge the mitigation; (outcome, too early to say).

    Args:
        incident_id: UUID of the incident.
    """
    verdict = judge_now()
    numbers = "\n".join(f"| {name} | {value:g} |" for name, value in verdict.numbers.items())
    text = f"## {verdict.outcome.value}\n\n{plain(verdict.because)}\n\n| measure | value |\n|---|---|\n{numbers}"
    await show("verification", CURRENT.get().incident(), text, "Did it help, did it hurt?")
    return verdict.outcome, verdict.pending
