"""The rare round: have incidents changed since the model in use learnt, and is there a better one?"""

from datetime import datetime, timedelta
from typing import Any

import structlog

from ml.drift import Drift, drift
from ml.feature import frame
from spine.errors import Refused
from spine.settings import Settings
from store import models, outcomes
from store.engine import Database
from store.heartbeats import beat
from store.secrets import Vault
from tasks.ranking.promoting import promote
from tasks.ranking.training import new_labels, train

_log = structlog.get_logger(__name__)
ACTOR = "engine"
COMPONENT = "ranking"
"""Under which the round leaves its sign of life."""


def retrain(database: Database, settings: Settings, now: datetime) -> dict[str, Any]:
    """Look at drift; where enough was labelled, train a challenger, and use it if it is better and that is wanted.

    Returns what was found, as the heartbeat keeps it: `said`, `drift` (index by feature) and `shifted`.
    """
    found = look(database, settings, now)
    shifted = list(found.shifted(settings.ml.max_stability_index)) if found else []
    if shifted:
        _log.warning("ranking.drift", shifted=shifted, openings=found.openings if found else 0)
    told = {
        "said": _challenge(database, settings, now), "shifted": shifted, "drift": dict(found.index) if found else None,
    }  # fmt: skip
    with database.system() as connection:
        beat(connection, COMPONENT, now=now, detail=told)
    return told


def look(database: Database, settings: Settings, now: datetime) -> Drift | None:
    """How far the incidents of the last weeks have shifted from what the model in use learnt; None = cannot be told."""
    with database.system() as connection:
        champion = models.champion(connection)
        seen = outcomes.openings(connection, now - timedelta(days=settings.ml.drift_days))
    if champion is None or len(seen) < settings.ml.drift_min_openings:
        return None
    try:
        with database.system() as connection:
            models.trusted(connection, champion, Vault.of(settings).model_key())
    except Refused:  # its card may say anything
        return None
    return drift(champion.card["distribution"], frame(seen))


def _challenge(database: Database, settings: Settings, now: datetime) -> str:
    labels = new_labels(database, settings, now)
    if labels < settings.ml.min_new_labels:
        return (
            f"{labels} incidents were labelled since the last model, it takes {settings.ml.min_new_labels} for another"
        )
    try:
        challenger = train(database, settings, now)
    except Refused as error:
        return str(error)
    contest = challenger.card.get("contest")
    if not contest or not contest["better"]:
        return f"model {challenger.number} was trained; it is not shown to be better than the one in use"
    if not settings.ml.promote_better:
        return f"model {challenger.number} is better; `opsspine ml promote {challenger.number}` puts it to use"
    promote(database, settings, challenger.number, actor=ACTOR, now=now)
    return f"model {challenger.number} is better and in use now; `opsspine ml rollback` takes it back"
