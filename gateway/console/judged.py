"""What a model says of an incident, and what people say it was, in words for a page."""

from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.context import Context
from spine.incident import Incident
from spine.outcome import CAUSES, Outcome, Said
from spine.score import WORDS, Score
from store import outcomes, scores
from store.read import incidents
from store.read.helped import Helped, helped


@dataclass(frozen=True, slots=True)
class Judged:
    """Both words on one incident, and the choices for another."""

    score: Score | None
    said: Said | None
    proposed: list[Helped]
    """What the plan proposes and was tried before, most often helpful first."""

    @property
    def reasons(self) -> list[str]:
        """What moved the probability: "users 420 (+18 %)"."""
        if self.score is None:
            return []
        return [f"{WORDS.get(r.feature, r.feature)}: {r.value} ({r.effect * 100:+.0f} %)" for r in self.score.reasons]

    @property
    def cause(self) -> str:
        """The likely cause in words; "" = the model cannot tell."""
        return CAUSES.get(self.score.cause, "") if self.score else ""

    @property
    def causes(self) -> dict[str, str]:
        """What may have been the cause."""
        return CAUSES

    @property
    def outcomes(self) -> dict[str, str]:
        """What an incident may have been."""
        return {
            Outcome.REAL.value: "it was real", Outcome.FALSE_ALARM.value: "a false alarm: nothing had happened",
            Outcome.BENIGN.value: "something harmless had happened",
        }  # fmt: skip


def judged(context: Context, connection: Connection, incident: Incident) -> Judged:
    """What is thought of the incident."""
    found = scores.of_incidents(connection, [incident.id]) if context.settings.ml.enabled else {}
    plan = incidents.plan(connection, incident.id) or {}
    tried = helped(connection, incident.kind, [step["action_key"] for step in plan.get("steps", [])])
    return Judged(found.get(incident.id), outcomes.said(connection, incident.id), [one for one in tried if one.tried])
