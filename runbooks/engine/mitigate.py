"""The mitigate subflow: approved steps, in order, each a lease in the ledger before it is an effect."""

from prefect import flow

from runbooks.engine.context import CURRENT
from runbooks.engine.show import lease_text, show
from runbooks.engine.step import step
from spine.errors import Broken
from store import decisions, leases
from tasks.mitigating import begin_mitigation, mitigate_step


@step("apply")
def apply(order: int) -> str:
    """Run one step of the plan; returns what became of it."""
    context = CURRENT.get()
    with context.database.system() as connection:
        decision = decisions.current(connection, context.incident_id)
    if decision is None:
        raise Broken(f"Incident {context.incident_id} is being mitigated without a plan.")
    chosen = next(s for s in decision.steps if s.order == order)
    result = mitigate_step(context.database, context.settings, decision, chosen, fence=context.fence, now=context.now())
    if result.lease is None:
        return f"{chosen.action_key} did not run: {result.because}"
    return f"{chosen.action_key} is {result.lease.state.value}"


@flow(name="mitigate", flow_run_name="mitigate {incident_id:.8} steps {orders}", persist_result=False)
async def mitigate(incident_id: str, orders: list[int]) -> list[str]:
    """Apply steps of the incident's plan.

    Args:
        incident_id: UUID of the incident.
        orders: which steps of its plan, in order.
    """
    context = CURRENT.get()
    with context.database.system() as connection:
        decision = decisions.current(connection, context.incident_id)
    chosen = tuple(s for s in decision.steps if s.order in orders) if decision else ()
    begin_mitigation(context.database, context.incident_id, fence=context.fence, now=context.now(), steps=chosen)
    results = [apply.with_options(task_run_name=f"apply {s.action_key}")(s.order) for s in chosen]
    with context.database.system() as connection:
        held = leases.of_incident(connection, context.incident_id)
    await show("leases", context.incident(), lease_text(held), "What is in force")
    return results
