"""Rank: incidents that opened get the score of the model in use. Started by detect, after the runbooks."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.context import database, living, settings
from tasks.ranking.scoring import score_live


@flow(name="rank")
async def rank() -> State[None]:
    """Score what is live. It orders lists and is shown; no decision and no action waits for it or reads it."""
    with living():
        return Completed(message=score_live(database(), settings(), datetime.now(UTC)))
