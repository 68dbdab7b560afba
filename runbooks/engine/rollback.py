"""The rollback subflow: every lease of the incident is taken back, each on its own, none given up."""

from prefect import flow

from runbooks.engine.context import CURRENT
from runbooks.engine.show import lease_text, show
from runbooks.engine.step import step
from spine.lease import LeaseState
from store import leases
from tasks.leasing import ports_of, revert_incident


@step("revert")
def revert(reason: str) -> list[str]:
    """Take every lease back, newest and riskiest first; one that fails pages and is tried again by reconcile.

    Containment stays until people end it.
    """
    context = CURRENT.get()
    ports = ports_of(context.settings)
    ended = revert_incident(
        context.database, context.incident_id, reason=reason, ports=ports, fence=context.fence, keep_containment=True
    )
    return [f"{lease.action_key} is {lease.state.value}" for lease in ended]


@flow(name="rollback", flow_run_name="rollback {incident_id:.8}", persist_result=False)
async def rollback(incident_id: str, reason: str) -> list[str]:
    """Undo whatever the incident has in force.

    Args:
        incident_id: UUID of the incident.
        reason: why, for the audit trail.
    """
    results = revert(reason)
    context = CURRENT.get()
    with context.database.system() as connection:
        held = leases.of_incident(connection, context.incident_id)
    await show("rollback", context.incident(), lease_text(held), "What was taken back")
    return results


async def roll_back(reason: str) -> None:
    """Run the subflow if there is anything to undo."""
    context = CURRENT.get()
    with context.database.system() as connection:
        held = leases.of_incident(connection, context.incident_id)
    if any(lease.state is not LeaseState.REVERTED for lease in held):
        await rollback(str(context.incident_id), reason)
