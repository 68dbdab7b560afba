"""Plays a drill from its evidence to its score: the same run that answers a real incident answers it."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta

from blocks.orchestrator import start_run
from runbooks.engine.name import deployment_of
from spine.clock import SystemClock
from spine.drill_score import Assertion, Seen, judge, score
from spine.errors import OpsSpineError
from spine.ids import IncidentId
from spine.incident import Incident
from store import drills
from tasks.drill_drive import drive, end
from tasks.drilling import Edge, Play, open_incident, registered, watch
from tasks.observing import FlagBases, afterwards, flag_bases, observe
from tasks.replaying import Replayed

_log = logging.getLogger("opsspine.drill")
_MARGIN_SECONDS = 30.0
"""Before a drill gives up, so that it is taken back and scored while its evidence is still accepted."""


@dataclass(slots=True)
class Rehearsed:
    """A drill that was played."""

    assertions: tuple[Assertion, ...]
    incident: Incident | None = None
    """None = none of its kind opened."""
    found: Replayed = field(default_factory=Replayed)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """True when everything holds."""
        return all(one.passed for one in self.assertions)

    @property
    def score(self) -> float:
        """The share that holds (0..1)."""
        return score(self.assertions)


async def rehearse(play: Play) -> Rehearsed:
    """Play the drill, and write down what came of it, whatever came of it.

    Raises:
        Refused: it was played already.
    """
    began = SystemClock().now()
    with registered(play, began) as edge:
        try:
            done = await _played(play, edge)
        except Exception as error:  # whatever broke it: it has not passed, and nothing of it may stay
            _log.warning("the drill broke off", exc_info=error)
            done = Rehearsed((Assertion("played", False, "to its end", f"{type(error).__name__}: {error}"[:500]),))
            await _ended(play)
        done.seconds = (SystemClock().now() - began).total_seconds()
        await asyncio.to_thread(_keep, play, done)
    return done


async def _played(play: Play, edge: Edge) -> Rehearsed:
    await asyncio.to_thread(edge.post, play.drill.script(play.stage))
    found = await asyncio.to_thread(watch, play)
    with play.database.system() as connection:
        before = flag_bases(connection, play.run.tenant_id)
    # what a negative drill opened is told, and nobody responds to it
    incident = None if play.drill.negative else await asyncio.to_thread(open_incident, play, found, SystemClock().now())
    if incident is None:
        return Rehearsed(judge(play.drill, play.run.kind, _seen(play, found, None)), found=found)
    tags = (f"tenant:{incident.tenant_id}", "drill")
    parameters = {"incident_id": str(incident.id)}
    await start_run(deployment_of(incident.kind), parameters, idempotency_key=str(incident.id), tags=tags)
    in_time = await drive(play, edge, incident.id, play.run.gives_up_at - timedelta(seconds=_MARGIN_SECONDS))
    seen = await asyncio.to_thread(_seen, play, found, incident.id)
    await end(play, incident.id, "the drill is over")
    seen = await asyncio.to_thread(_afterwards, play, seen, incident.id, before)
    told = "in time" if in_time else "not in time"
    timing = Assertion("response ends", in_time, "in time", told)
    return Rehearsed((*judge(play.drill, play.run.kind, seen), timing), incident, found)


async def _ended(play: Play) -> None:
    """Leave nothing open behind a drill that broke off; what cannot be taken back now, reconcile tries again."""
    with play.database.system() as connection:
        run = drills.get(connection, play.run.id)
    if run is None or run.incident_id is None:
        return
    try:
        await end(play, run.incident_id, "the drill broke off")
    except OpsSpineError as error:
        _log.warning("%s", error)


def _seen(play: Play, found: Replayed, incident: IncidentId | None) -> Seen:
    with play.database.system() as connection:
        return observe(connection, play, found, incident)


def _afterwards(play: Play, seen: Seen, incident: IncidentId, before: FlagBases) -> Seen:
    with play.database.system() as connection:
        return afterwards(connection, seen, play.run, incident, before)


def _keep(play: Play, done: Rehearsed) -> None:
    with play.database.system() as connection:
        drills.finish(
            connection, play.run.id, passed=done.passed, score=done.score, assertions=done.assertions,
            at=SystemClock().now(),
        )  # fmt: skip
