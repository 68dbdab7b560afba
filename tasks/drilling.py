"""A drill, from its evidence to its incident: brought in through the real ingest, looked at on its own clock."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

import httpx

from spine.diagnostic import Answer, Check, State
from spine.drill import Drill, RawEvent, Stage
from spine.errors import Broken, Transient
from spine.ids import IncidentId
from spine.incident import Incident
from spine.runbook import Runbook
from spine.settings import Settings
from store import drills, incidents, keys
from store.drill_events import evidence_of
from store.drills import DrillRun
from store.engine import Database
from store.throwaway import throwaway
from tasks.answering import keep
from tasks.replaying import Replayed, replay

_SCOPE = "events:drill"
_ROWS = 2_000
"""Rows of one request: well below the largest body the edge takes."""
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One drill being played."""

    run: DrillRun
    drill: Drill
    runbook: Runbook
    stage: Stage
    settings: Settings
    """Of the installation; `spine.drill.drill_settings` makes those of the drill."""
    database: Database


class Edge:
    """The way in for evidence: the gateway, with a key that is good for this drill alone."""

    def __init__(self, play: Play, secret: str) -> None:
        self._play, self._numbers = play, count()
        self._http = httpx.Client(
            base_url=play.settings.gateway.url, headers={"Authorization": f"Bearer {secret}"},
            timeout=_TIMEOUT_SECONDS, trust_env=False,
        )  # fmt: skip

    def post(self, events: Sequence[RawEvent]) -> None:
        """Bring events in, marked as the drill's.

        Raises:
            Transient: the gateway does not answer.
            Broken: it refuses them, so the drill would be judged on other evidence than it declares.
        """
        run = self._play.run
        marked = [
            {**event, "id": f"{run.id}-{next(self._numbers):06d}", "synthetic": True, "drill_id": run.id}
            for event in events
        ]
        for start in range(0, len(marked), _ROWS):
            try:
                answer = self._http.post("/api/ops/events", json=marked[start : start + _ROWS])
            except httpx.HTTPError as error:
                raise Transient(f"the gateway does not take the drill's evidence: {type(error).__name__}") from error
            taken = answer.json()
            if answer.status_code != 202 or taken["rejected"]:
                told = str(taken.get("rejected") or taken.get("detail"))[:500]
                raise Broken(f"The drill's evidence was refused ({answer.status_code}): {told}")

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()


@contextmanager
def registered(play: Play, now: datetime) -> Iterator[Edge]:
    """While this block runs the drill's evidence is accepted, by its own key.

    Raises:
        Refused: it was played already.
    """
    run, name = play.run, drills.key_name(play.run.id)
    with play.database.system() as connection:
        drills.begin(connection, run)
        _, secret = keys.add_key(connection, run.tenant_id, name, [_SCOPE], now=now, actor=run.who)
    edge = Edge(play, secret)
    try:
        yield edge
    finally:
        edge.close()
        with play.database.system() as connection:
            keys.revoke_key(connection, run.tenant_id, name, now=now, actor=run.who)


def watch(play: Play) -> Replayed:
    """What the product's ticks make of the drill's evidence, as it is stored."""
    stage = play.stage
    with play.database.system() as connection:
        events = evidence_of(connection, stage.tenant, play.run.id)
    with throwaway(play.database, application="drill") as own:
        return replay(own, stage.tenant, events, play.settings, end=stage.end, minutes=play.drill.replay_minutes)


def open_incident(play: Play, found: Replayed, now: datetime) -> Incident | None:
    """The worst incident of the drill's kind, recorded as synthetic with its diagnostics' answers; None = there is
    none."""
    run, mine = play.run, found.of(play.run.kind)
    if not mine:
        return None
    subject = max(mine, key=lambda one: one.severity).subject
    marked = [
        replace(finding, synthetic=True, drill_id=run.id)
        for finding in found.findings
        if (finding.kind, finding.subject) == (run.kind, subject)
    ]
    with play.database.system() as connection:
        opened = incidents.record(
            connection, marked, now, detect=play.settings.detect, notify=play.settings.notify
        )  # fmt: skip
        if not opened:
            raise Broken("What opened on the drill's own clock did not open as its incident.")
        incident = opened[0].incident
        drills.opened(connection, run.id, IncidentId(incident.id))
        for answer in _answers(play):
            keep(connection, incident, answer, since=incident.first_event_at, now=now)
    return incident


def _answers(play: Play) -> list[Answer]:
    """What the runbook's diagnostics say in this drill: nobody outside is asked."""
    silent = "a drill asks nobody outside, and this one has no answer written down"
    return [play.drill.answers.get(key, Answer(key, (Check(key, State.UNKNOWN, silent),))) for key in play.runbook.asks]
