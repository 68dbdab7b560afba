"""Retrain: look at drift, train a challenger when enough incidents were labelled, hold it against the model in use."""

from datetime import UTC, datetime

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.context import database, living, settings


@flow(name="retrain")
async def retrain() -> State[None]:
    """The rare round of ranking. A better challenger waits for a person, unless `ml.promote_better` is set."""
    if not settings().ml.enabled:
        return Completed(message="ranking is off")
    with living():
        from tasks.ranking.retraining import retrain as round_of  # libraries of models: only here

        told = round_of(database(), settings(), datetime.now(UTC))
        shifted = ", ".join(told["shifted"]) or "none"
        await acreate_markdown_artifact(
            f"{told['said']}.\n\nFeatures that have shifted: {shifted}.",
            key="ranking",
            description="What retraining found.",
        )
    return Completed(message=told["said"])
