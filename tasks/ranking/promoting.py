"""Models put to use and taken back. One that cannot be read is never put to use."""

from datetime import datetime

from ml import bundle
from spine.errors import Refused
from spine.settings import Settings
from store import models
from store.engine import Database
from store.models import ModelStatus, StoredModel
from store.secrets import Vault
from tasks.ranking.scoring import score_live


def chosen(database: Database, number: int | None) -> StoredModel:
    """The model of that number; without one the newest challenger.

    Raises:
        Refused: there is none.
    """
    with database.system() as connection:
        if number is not None:
            return models.numbered(connection, number)
        for one in models.listed(connection):
            if one.status is ModelStatus.CHALLENGER:
                return one
    raise Refused("model.none", "No challenger waits. `opsspine ml train` makes one, `opsspine ml list` shows all.")


def promote(
    database: Database, settings: Settings, number: int | None, *, actor: str, now: datetime
) -> tuple[StoredModel, str]:
    """Put a model to use, if it can be read, and score what is live; returns it, and what was scored.

    Raises:
        Refused: it is not as it was stored, or holds what no model of ours does; the one in use stays.
    """
    wanted = chosen(database, number)
    key = Vault.of(settings).model_key()
    with database.system() as connection:
        body = models.trusted(connection, wanted, key)
    bundle.loaded(body)
    with database.system() as connection:
        models.promote(connection, wanted, actor=actor, now=now)
    return wanted, score_live(database, settings, now)


def rollback(
    database: Database, settings: Settings, *, actor: str, now: datetime
) -> tuple[StoredModel, StoredModel | None, str]:
    """Withdraw the model in use for the one before it; returns both, and what was scored by the latter.

    Raises:
        Refused: none is in use.
    """
    with database.system() as connection:
        gone, back = models.rollback(connection, actor=actor, now=now)
    return gone, back, score_live(database, settings, now)
