"""Keeps a drill going while its runbook responds: life goes on, questions are answered, nobody sleeps too long."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from blocks.orchestrator import run_state, wake
from spine.clock import SystemClock
from spine.drill import drill_settings
from spine.errors import Transient
from spine.ids import IncidentId
from spine.incident import Incident, IncidentStatus
from store import incidents
from store.decisions import current
from tasks.attention import Need, need
from tasks.closing import close_incident
from tasks.drilling import Edge, Play
from tasks.stand_in import answer_pending

_S = IncidentStatus
_OVER = frozenset({_S.MITIGATED, _S.ESCALATED, _S.RESOLVED})
"""Where the response has come as far as it goes by itself."""
_MITIGATED = frozenset({_S.VERIFYING, _S.MITIGATED, _S.ROLLING_BACK, _S.ESCALATED, _S.RESOLVED})
_STEP_SECONDS = 1.0
_SEEN_OFF_TRIES = 30
"""Then it is left to the orchestrator, which ends it when its wait is over."""
_LATE = timedelta(seconds=0.2)
"""Events are brought in up to so long ago, so that none is dated after it was sent."""


async def drive(play: Play, edge: Edge, incident_id: IncidentId, until: datetime) -> bool:
    """Until the response has come to its end: True; False = it had not by `until`.

    A gateway or an orchestrator that does not answer is asked again a second later.
    """
    clock, sent = SystemClock(), play.stage.end
    while clock.now() < until:
        incident = await asyncio.to_thread(_incident, play, incident_id)
        if incident.status in _OVER or _watched(play, incident):
            return True
        moment = clock.now() - _LATE
        if moment > sent:
            traffic = play.drill.traffic(play.stage, sent, moment, incident.status in _MITIGATED)
            with suppress(Transient):
                await asyncio.to_thread(edge.post, traffic)
                sent = moment
        if play.run.unattended:
            await asyncio.to_thread(
                answer_pending, play.database, play.settings, play.run, play.drill, incident_id, clock.now()
            )  # the waiting run is woken by `_rouse`
        with suppress(Transient):
            await _rouse(play, incident, clock.now())
        await asyncio.sleep(_STEP_SECONDS)
    return False


async def end(play: Play, incident_id: IncidentId, reason: str) -> None:
    """Take everything back, close the incident, and let its run see that."""
    now, settings = SystemClock().now(), drill_settings(play.settings, play.drill)
    closed = await asyncio.to_thread(
        close_incident, play.database, settings, incident_id, actor=f"drill:{play.run.id}", reason=reason, now=now
    )
    if closed.flow_run_id is not None:
        await _see_off(closed.flow_run_id)


async def _see_off(run: UUID) -> None:
    """Until the run has ended: it may be about to wait for the end of leases that have ended already."""
    for _ in range(_SEEN_OFF_TRIES):
        with suppress(Transient):
            state = await run_state(run)
            if state is None or state.ended:
                return
            if state.waiting:
                await wake(run)
        await asyncio.sleep(_STEP_SECONDS)


async def _rouse(play: Play, incident: Incident, now: datetime) -> None:
    """Wake the run if what it waits for has happened: reconcile would, but not within a second."""
    if incident.flow_run_id is None:
        return
    state = await run_state(incident.flow_run_id)
    with play.database.system() as connection:
        found = incidents.get(connection, incident.id)
        wanted = need(connection, play.database, found, state, now)
    if wanted is Need.WAKE:
        await wake(incident.flow_run_id)


def _incident(play: Play, incident_id: IncidentId) -> Incident:
    with play.database.system() as connection:
        return incidents.get(connection, incident_id)


def _watched(play: Play, incident: Incident) -> bool:
    """True when the engine decided to do nothing but watch."""
    if incident.status is not _S.MONITORING:
        return False
    with play.database.system() as connection:
        return current(connection, incident.id) is not None
