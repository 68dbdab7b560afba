"""What every command needs: the settings, and the database of the running instance."""

from deployments import instance as _instance
from spine.settings import Settings
from store.engine import Database
from tasks.notifiers import checked


def settings() -> Settings:
    """Settings from the environment.

    Raises:
        Refused: they name a channel that does not exist.
    """
    return checked(Settings())


def database(current: Settings | None = None) -> Database:
    """The database of `DATABASE_URL`, else of the running instance.

    Raises:
        Refused: there is neither.
    """
    return _instance.database(current or settings())
