"""The last artifact of a run: the incident's whole story."""

from runbooks.engine.context import RunContext
from runbooks.engine.show import incident_text, lease_text, show, timeline_text
from spine.span import span
from store import incidents, leases


async def show_summary(context: RunContext) -> None:
    """Timeline, times and leases, as they are in the ledger."""
    with context.database.system() as connection:
        incident = incidents.get(connection, context.incident_id)
        story = incidents.timeline(connection, incident.id)
        held = leases.of_incident(connection, incident.id)
    applied = min((lease.applied_at for lease in held if lease.applied_at and lease.ttl_seconds), default=None)
    times = [f"- time to detect: {span(incident.opened_at - incident.first_event_at)}"]
    if applied is not None:
        times.append(f"- time to mitigate: {span(applied - incident.first_event_at)}")
    text = "\n\n".join(
        [
            incident_text(incident),
            f"It is **{incident.status.value}**.",
            "\n".join(times),
            "## Leases\n\n" + lease_text(held),
            "## Timeline\n\n"
            + timeline_text((e["at"], str(e["kind"]), str(e["actor"]), str(e["summary"])) for e in story),
        ]
    )
    await show("summary", incident, text, "The whole story")
