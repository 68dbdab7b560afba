"""Live incidents get the score of the model in use. Whatever goes wrong with a model, they simply have none."""

from datetime import datetime

import structlog

from spine.errors import Refused
from spine.score import Score
from spine.settings import Settings
from store import models, scores
from store.engine import Database
from store.models import StoredModel
from store.secrets import Vault

_log = structlog.get_logger(__name__)


def score_live(database: Database, settings: Settings, now: datetime) -> str:
    """Score what is live and has no score yet; says what was done.

    A model that is missing, changed, of other types, that raises, or answers with what is no probability leaves every
    list in its deterministic order, and is warned of once. Libraries of models are imported only where one is in use.
    """
    if not settings.ml.enabled:
        return "ranking is off: lists have the deterministic order"
    with database.system() as connection:
        model = models.champion(connection)
        waiting = scores.unscored(connection) if model else []
    if model is None:
        return "no model is in use: lists have the deterministic order"
    if not waiting:
        return f"model {model.number} has scored all that is live"
    try:
        found = _asked(database, settings, model, waiting, now)
    except Exception as error:  # nothing that a model does may reach further than its scores
        return _warn(database, model, error, now)
    with database.system() as connection:
        scores.put(connection, found)
    return f"model {model.number} scored {len(found)} incidents"


def _asked(
    database: Database, settings: Settings, model: StoredModel, waiting: scores.Waiting, now: datetime
) -> list[Score]:
    key = Vault.of(settings).model_key()
    with database.system() as connection:
        body = models.trusted(connection, model, key)
    from ml.bundle import loaded  # a second, and 100 MB
    from ml.predict import predict

    return predict(loaded(body), model.number, waiting, now)


def _warn(database: Database, model: StoredModel, error: Exception, now: datetime) -> str:
    because = str(error) if isinstance(error, Refused) else f"it failed with {type(error).__name__}"
    said = f"model {model.number} is not used, lists have the deterministic order: {because}"
    with database.system() as connection:
        scores.clear(connection)
        first = models.warned(connection, model, now)
    if first:
        _log.warning("ranking.untrusted", model=model.number, because=because)
    return said
